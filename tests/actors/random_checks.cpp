#include <algorithm>

#include "tests/actors/random_run.hpp"

namespace chromatin::test {

void random_run::come_to_rest() {
  world_->disk_stalled = false;
  world_->backend->faults = {};
  machine_->disk_dice->lift();
  machine_->file_dice->lift();
  do world_->run();
  while (revive_disk());
  auto open = std::count_if(turns_.begin(), turns_.end(), [&](const auto& t) { return !world_->outcome(t.id).done; });
  EXPECT_EQ(open, 0) << "turns were never answered:" << world_->describe();
}

void random_run::check_nothing_is_left() {
  EXPECT_EQ(world_->counter(world_->scheduler, "turns_waiting"), 0);
  EXPECT_EQ(world_->counter(world_->scheduler, "turns_running"), 0);
  EXPECT_EQ(world_->counter(world_->device, "turns_with_pages"), 0);
  EXPECT_EQ(world_->counter(world_->device, "loads_under_way"), 0);
  EXPECT_EQ(world_->counter(world_->device, "saves_waiting"), 0);
  EXPECT_EQ(world_->counter(world_->host, "saves_under_way"), 0);
  EXPECT_EQ(world_->counter(world_->host, "loads_under_way"), 0);
  EXPECT_EQ(world_->counter(world_->prefetcher, "chunks_under_way"), 0);
  EXPECT_EQ(world_->counter(world_->registry, "turns_leased"), 0);
  if (world_->disk) {
    EXPECT_EQ(world_->counter(world_->disk, "saves_waiting"), 0);
  }
  // Every page of the device is free or may be evicted: one turn gets all of them.
  auto tokens = world_->checkpoint->config.context;
  auto all = world_->say("everything", "hello", tokens - 1);
  world_->run();
  EXPECT_EQ(world_->outcome(all).error, "") << "pages of the device leaked";
  auto page = static_cast<std::int64_t>(world_->geometry.chunk_bytes());
  EXPECT_EQ(world_->counter(world_->host, "used_bytes") / page, world_->counter(world_->host, "chunks"))
      << "pages of the host leaked";
}

/// At rest, or when the power is back: what was acknowledged is there, in order, and nothing else. Of a conversation
/// that somebody was changing when the power went, a turn more may be there, or all may be gone; of a fork that nobody
/// acknowledged, what it is a copy of may be there.
void random_run::check_nothing_is_lost() {
  std::set<std::string> names = doubtful_;
  for (const auto& [name, messages] : known_) names.insert(name);
  bool cut = turns_.empty();
  EXPECT_EQ(copies_.size(), 0u) << "a fork has other messages than its conversation ever had: "
                                << copies_.front().what.conversation << " as " << copies_.front().what.text << " has "
                                << copies_.front().messages;
  for (const auto& name : names) {
    auto found = world_->messages(name);
    bool doubted = cut && doubtful_.contains(name);
    bool asked_for = doubted && known_[name].empty() && forks_of_.contains(name);
    const auto& known = asked_for ? forks_of_[name] : known_[name];
    auto same = [](const model::message& a, const model::message& b) {
      return a.role == b.role && a.content == b.content;
    };
    bool kept = doubted ? found.empty() || (found.size() <= known.size() + 3 &&
                                            std::equal(known.begin(), known.end(), found.begin(),
                                                       found.begin() + std::min(known.size(), found.size()), same))
                        : std::ranges::equal(found, known, same);
    EXPECT_TRUE(kept) << name << " has " << found.size() << " messages of " << known.size()
                      << " that were acknowledged";
    if (doubted) {
      world_->forget(name);
      push({event::kind::forgot, name, {}});
    }
  }
  if (cut) doubtful_.clear();
}

void random_run::check_answers() {
  world_options calm{.device_chunks = 2000, .host_chunks = 64, .disk = false, .context = world_->options.context};
  calm.context = world_->checkpoint->config.context;
  world undisturbed{calm};
  for (const auto& e : events_) {
    if (e.what == event::kind::said) {
      auto id = undisturbed.say(e.conversation, e.text, e.tokens, e.reuse);
      undisturbed.run();
      const auto& end = undisturbed.outcome(id);
      EXPECT_EQ(end.error, "");
      EXPECT_EQ(end.text, e.answer) << story_of(e.conversation, e) << "; undisturbed: computed "
                                    << end.statistics.computed_tokens << " of " << end.statistics.prompt_tokens
                                    << ", dropped " << end.statistics.dropped_tokens;
      if (end.text != e.answer) return;
    } else {
      undisturbed.system.spawn([&](caf::event_based_actor* self) {
        conversation_ref which{"tenant", e.conversation};
        auto good = [](const conversation_info&) {};
        if (e.what == event::kind::forked)
          self->request(undisturbed.gateway, caf::infinite, atom::fork_v, which, e.text).then(good);
        else if (e.what == event::kind::forgot)
          self->request(undisturbed.gateway, caf::infinite, atom::forget_v, which).then([] {});
        else if (e.what == event::kind::opened)
          self->request(undisturbed.gateway, caf::infinite, atom::open_v, which, e.text).then(good);
        else
          self->request(undisturbed.gateway, caf::infinite, atom::truncate_v, which, e.tokens, 0.5).then(good);
      });
      undisturbed.run();
    }
  }
}

}  // namespace chromatin::test
