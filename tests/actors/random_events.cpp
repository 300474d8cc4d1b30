// What happened to each conversation, in its order: what the checks of a random life go by.

#include <algorithm>

#include "tests/actors/random_run.hpp"

namespace chromatin::test {

void random_run::note_answers() {
  for (auto& t : turns_) {
    if (t.noted || !world_->outcome(t.id).done) continue;
    t.noted = true;
    const auto& end = world_->outcome(t.id);
    const auto& st = end.statistics;
    count(end.error.empty() ? "turns answered" : "turns answered with " + end.error.substr(0, end.error.find(':')));
    if (end.error.empty()) {
      t.what.tokens = st.answer_tokens;
      t.what.answer = end.text;
      t.what.how = ", computed " + std::to_string(st.computed_tokens) + " of " + std::to_string(st.prompt_tokens) +
                   ", dropped " + std::to_string(st.dropped_tokens) + ", gave way " + std::to_string(st.preemptions);
      push(t.what);
    } else if (end.error.starts_with("store_failed")) {
      doubtful_.insert(t.what.conversation);
    }
    for (auto& e : t.then) push(std::move(e));
  }
}

void random_run::push(event e) {
  auto& messages = known_[e.conversation];
  switch (e.what) {
    case event::kind::said:
      messages.push_back({"user", e.text});
      messages.push_back({"assistant", e.answer});
      break;
    case event::kind::forked:
      known_[e.text] = messages;
      break;
    case event::kind::opened:
      if (messages.empty()) messages.push_back({"system", e.text});
      break;
    case event::kind::forgot:
      messages.clear();
      break;
    case event::kind::truncated:
      break;
  }
  auto changed = e.conversation;
  events_.push_back(std::move(e));
  note_copies(changed);
}

void random_run::note_copies(const std::string& conversation) {
  auto is_due = [&](const copied& c) {
    return c.what.conversation == conversation && c.messages == known_[conversation].size();
  };
  for (auto due = copies_.begin(); (due = std::ranges::find_if(copies_, is_due)) != copies_.end();) {
    auto e = std::move(due->what);
    copies_.erase(due);
    push(std::move(e));
  }
}

void random_run::note(event e, std::size_t turns_before) {
  for (auto i = turns_before; i-- > 0;)
    if (auto& t = turns_[i]; t.what.conversation == e.conversation && !t.noted) return t.then.push_back(std::move(e));
  push(std::move(e));
}

/// What happened to a conversation, and to what it was forked from, up to an event.
std::string random_run::story_of(const std::string& conversation, const event& last) const {
  std::string story = "the story of " + conversation + ':';
  for (const auto& e : events_) {
    static constexpr const char* verbs[] = {"said", "forked to", "truncated", "opened", "forgot"};
    story += "\n  " + e.conversation + ' ' + verbs[static_cast<int>(e.what)];
    if (e.what == event::kind::said)
      story += ' ' + std::to_string(e.text.size()) + " bytes" + (e.reuse ? "" : " without reuse") + ": " +
               std::to_string(e.tokens) + " tokens" + e.how;
    else
      story += ' ' + (e.what == event::kind::truncated ? std::to_string(e.tokens) : e.text);
    if (&e == &last) break;
  }
  return story;
}

}  // namespace chromatin::test
