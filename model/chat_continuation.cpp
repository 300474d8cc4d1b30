// What a conversation that goes on gets: the part of chat templates that knows where a message ends.

#include <algorithm>

#include "model/chat_layout.hpp"

namespace chromatin::model {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  auto begin = std::min(text.find_first_not_of(space), text.size());
  text.remove_prefix(begin);
  return text.substr(0, text.find_last_not_of(space) + 1);
}

std::size_t common_bytes(std::string_view a, std::string_view b) {
  return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::vector<message> joined(std::span<const message> before, std::span<const message> added) {
  std::vector<message> all{before.begin(), before.end()};
  all.insert(all.end(), added.begin(), added.end());
  return all;
}

}  // namespace

std::size_t chat_template::layout::behind_last(const std::vector<kv::token_id>& any_of, std::size_t begin,
                                               std::size_t end) const {
  auto result = begin;
  for (const auto& s : segments)
    if (s.control && s.begin >= begin && s.end <= end &&
        std::find(any_of.begin(), any_of.end(), *s.control) != any_of.end())
      result = s.end;
  return result;
}

std::size_t chat_template::opening_end(const layout& of) const {
  bool opens = !opening_.empty() && !of.segments.empty() && of.segments[0].control == opening_[0];
  return opens ? of.segments[0].end : 0;
}

/// Where the first message begins that is not a system message: behind the last token that ends a message, or behind
/// the opening.
std::size_t chat_template::head_end(const layout& of) const {
  auto opening = opening_end(of);
  auto first = of.content(0);
  return first ? std::max(opening, of.behind_last(ends_of_messages_, opening, first->first)) : opening;
}

/// The text of a conversation and where its messages end: behind the token that does so, so that an answer ends with
/// the token that was generated last. What follows up to the next message belongs to that one.
chat_template::layout chat_template::lay_out(std::span<const message> messages, const render_options& options) const {
  layout of{render(messages, options), messages.size(), *tokens_};
  const auto& bytes = of.text.bytes();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    auto said = of.content(i);
    auto begin = said ? said->second : i > 0 ? of.ends[i - 1] : 0;
    const auto& tail = messages[i].role == "user" ? user_tail_ : assistant_tail_;
    if (said && tail && messages[i].role != "system" && bytes.compare(begin, tail->size(), *tail) == 0) {
      of.ends.push_back(begin + tail->size());
      continue;
    }
    auto next = i + 1 < messages.size() ? of.content(i + 1) : std::nullopt;
    auto part = options;
    part.answer_prompt = false;
    std::optional<jinja::text> up_to;
    if (!(merges_system_ && messages[i].role == "system")) up_to = try_render(messages.first(i + 1), part);
    if (up_to && up_to->size() >= begin && bytes.starts_with(up_to->bytes())) {
      of.ends.push_back(of.behind_last_control(begin, up_to->size()));
    } else if (next && next->first >= begin) {
      auto end = of.behind_last(ends_of_messages_, begin, next->first);
      of.ends.push_back(end > begin ? end : next->first);
    } else {
      of.ends.push_back(begin);
    }
  }
  // A message whose content stands behind that of later ones has none of its own.
  for (auto i = of.ends.size(); i-- > 1;) of.ends[i - 1] = std::min(of.ends[i - 1], of.ends[i]);
  return of;
}

/// How many of the first `before` messages `now` has as they were when the last of them was new.
std::size_t chat_template::kept_messages(const layout& now, std::span<const message> before,
                                         const render_options& options) const {
  bool answered = before.back().role == "assistant";
  auto then = options;
  then.answer_prompt = answered;
  auto asked = try_render(before.first(before.size() - answered), then);
  if (!asked) return before.size();
  std::string_view bytes = now.text.bytes();
  auto same = common_bytes(bytes, asked->bytes());
  if (answered && same == asked->size()) {
    // An answer was generated behind what was asked; white space around it does not count.
    auto end = now.content(before.size() - 1).value_or(layout::range{same, same}).second;
    auto as_said = trimmed(before.back().content);
    if (end >= same && trimmed(bytes.substr(same, end - same)) == as_said) return before.size();
  }
  if (!answered && same >= now.ends[before.size() - 1]) return before.size();
  std::size_t kept = 0;
  while (kept + 1 < before.size() && now.ends[kept] <= same) ++kept;
  return kept;
}

continuation chat_template::go_on(std::span<const message> before, std::span<const message> added,
                                  const render_options& options) const {
  auto all = joined(before, added);
  if (all.empty()) return {};
  auto asking = options;
  asking.answer_prompt = true;
  auto now = lay_out(all, asking);
  continuation result;
  result.kept = before.empty() ? 0 : kept_messages(now, before, options);
  auto tokens = [&](std::size_t begin, std::size_t end) { return tokens_->tokens(now.text, now.segments, begin, end); };
  auto head = all[0].role == "system" ? now.ends[0] : head_end(now);
  result.head = tokens(0, head);
  auto first = all[0].role == "system" ? std::min(opening_end(now), head) : head;
  for (auto i = result.kept; i < all.size(); ++i)
    result.messages.push_back(tokens(i == 0 ? first : now.ends[i - 1], now.ends[i]));
  result.answer_prompt = tokens(now.ends.back(), now.text.size());
  return result;
}

std::vector<kv::token_id> chat_template::head(const std::string& content, const render_options& options) const {
  std::vector<message> all{{"user", "Xyz"}};
  if (!content.empty()) all.insert(all.begin(), {"system", content});
  return go_on({}, all, options).head;
}

}  // namespace chromatin::model
