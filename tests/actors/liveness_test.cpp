// Every turn is answered, whatever its size and whoever dies, and nobody waits behind somebody who cannot be served.

#include <gmock/gmock.h>

#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

const std::string text =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call before that, please.";

std::string many(int n) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

TEST(Liveness, TurnsAsLargeAsTheDeviceLetTheOthersIn) {
  for (std::uint32_t batch_max : {1, 16}) {
    world w{{.device_chunks = 4, .batch_max = batch_max}};
    std::vector<turn_id> ids;
    for (int i = 0; i < 16; ++i) {
      ids.push_back(w.say("big" + std::to_string(i), text, 500));
      ids.push_back(w.say("small" + std::to_string(i), "hello", 5));
    }
    w.run();
    for (auto id : ids) EXPECT_TRUE(w.outcome(id).done) << id << ", batch " << batch_max;
    EXPECT_EQ(w.counter(w.scheduler, "turns_waiting"), 0);
  }
}

TEST(Liveness, CancellingATurnThatWaitsForTheDiskLetsTheNextOneIn) {
  world w{{.device_chunks = 6, .host_chunks = 4, .batch_max = 1}};
  for (int c = 0; c < 5; ++c) w.talk("c" + std::to_string(c), text + text + std::to_string(c));
  w.disk_stalled = true;
  auto waiting = w.say("c0", "And now?");
  auto next = w.say("fresh", "hello", 5);
  w.drain();
  caf::anon_send(w.gateway, atom::cancel_v, waiting);
  w.run();
  EXPECT_TRUE(w.outcome(waiting).done);
  EXPECT_TRUE(w.outcome(next).done);
}

TEST(Liveness, ATurnOfAllPagesIsAdmittedThoughItsTailIsInTheDevice) {
  world w{{.device_chunks = 10, .context = 640}};
  w.talk("c", "hello");
  auto all = w.say("c", "Go on.", 639);
  auto other = w.say("other", "hello", 5);
  w.run();
  EXPECT_EQ(w.outcome(all).error, "");
  EXPECT_EQ(w.outcome(all).statistics.answer_tokens, 639u);
  EXPECT_EQ(w.outcome(other).error, "");
}

TEST(Liveness, AStalledDiskDelaysNoTurn) {
  world w{{.device_chunks = 8, .host_chunks = 10}};
  for (int i = 0; i < 20; ++i) w.talk("c" + std::to_string(i % 5), std::to_string(i % 5) + many(2) + std::to_string(i));
  w.disk_stalled = true;
  auto id = w.say("c0", "Are you still there?");
  w.run();
  EXPECT_EQ(w.outcome(id).error, "");
}

/// A tier that never says what became of a save, and never delivers what it `promises`.
struct idle_tier_state {
  bool promises = false;
  int orders = 0;
  std::map<kv::chunk_key, std::uint32_t> layers_handed_down;
};

tier_actor::behavior_type idle_tier(tier_actor::pointer, idle_tier_state* it) {
  return {[it](atom::lookup, const key_list& keys) { return std::vector<bool>(keys.size(), it->promises); },
          [it](atom::fetch, const fetch_order& order, const layer_sink_actor&) {
            ++it->orders;
            std::size_t count = it->promises ? order.links.size() : 0;
            return fetch_started{std::vector<fetch_started::promised>(count, {.tier = "nowhere"})};
          },
          [](atom::hurry, ticket) {},
          [](atom::cancel, ticket) {},
          [it](atom::save, const save_order& order, const upper_tier_actor&) {
            for (const auto& c : order.chunks)
              it->layers_handed_down[c.link.key] += order.layer_end - order.layer_begin;
          },
          [](atom::touch, const key_list&, const kv::chain_use&) {},
          [](atom::retire, const key_list&) {},
          [](atom::erase, const key_list&) {},
          [](atom::hint, const hints&) {},
          [](atom::attach, const caf::strong_actor_ptr&) {},
          [](atom::detach) {},
          [](atom::stats) { return counters{}; }};
}

/// Puts an idle tier below the device while it lives.
struct without_tiers : idle_tier_state {
  without_tiers(world& in, bool promising) : idle_tier_state{.promises = promising}, w{in} {
    attach(w.system.spawn(idle_tier, static_cast<idle_tier_state*>(this)));
  }
  ~without_tiers() { attach(w.host); }
  template <class Tier>
  void attach(const Tier& tier) {
    caf::anon_send(w.device, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(tier));
    w.drain();
  }
  world& w;
};

TEST(Liveness, ALoadThatNeverComesIsGivenUpOnceAndForAll) {
  world w;
  without_tiers idle{w, true};
  auto id = w.say("c", many(4));
  w.run();
  EXPECT_EQ(w.outcome(id).error, "");
  EXPECT_EQ(w.outcome(id).statistics.computed_tokens, w.outcome(id).statistics.prompt_tokens);
  EXPECT_EQ(idle.orders, 1) << "who is late once is not waited for again";
}

/// A step of one turn, asked of an executor with this backend.
struct asked_step {
  bool answered = false;
  std::string error;
};

void ask(world& w, const executor_actor& executor, std::shared_ptr<load_progress> loading, asked_step& answer) {
  step_order order;
  auto pages = std::make_shared<const std::vector<kv::page_ref>>(1, w.device_arena->try_allocate());
  order.parts.push_back({.turn = 1, .tokens = {1, 2}, .pages = pages, .loading = std::move(loading)});
  w.system.spawn([&answer, executor, order](caf::event_based_actor* self) {
    self->request(executor, caf::infinite, atom::step_v, order)
        .then([&answer](const step_result&) { answer.answered = true; },
              [&answer](const caf::error& e) {
                answer = {true, explain(e)};
              });
  });
  w.drain();
}

TEST(Liveness, AnExecutorThatDiesInAStepAnswersIt) {
  world w;
  asked_step answer;
  auto executor = w.system.spawn(chromatin::executor, w.backend);
  ask(w, executor, std::make_shared<load_progress>(3), answer);
  EXPECT_FALSE(answer.answered) << "it waits for its load";
  w.kill(caf::actor_cast<caf::strong_actor_ptr>(executor));
  w.drain();
  EXPECT_THAT(answer.error, HasSubstr("not_available"));
}

TEST(Liveness, ABackendThatThrowsOrFailsAnswersItsStepAndEndsTheExecutor) {
  for (bool throws : {true, false}) {
    world w;
    ++(throws ? w.backend->faults.begins_throw : w.backend->faults.layers_fail);
    auto id = w.say("c", text);
    w.run();
    EXPECT_THAT(w.outcome(id).error, HasSubstr("not_available")) << throws;
    auto next = w.say("d", text);
    w.run();
    EXPECT_THAT(w.outcome(next).error, HasSubstr("no turn can run")) << "and at once";
    EXPECT_EQ(w.info("c").messages, 0u);
  }
}

TEST(Liveness, WhoeverDiesTheTurnsUnderWayAreAnswered) {
  using who = caf::strong_actor_ptr (*)(world&);
  const who parts[] = {
      [](world& w) { return caf::actor_cast<caf::strong_actor_ptr>(w.executor); },
      [](world& w) { return caf::actor_cast<caf::strong_actor_ptr>(w.device); },
      [](world& w) { return caf::actor_cast<caf::strong_actor_ptr>(w.scheduler); },
      [](world& w) { return caf::actor_cast<caf::strong_actor_ptr>(w.registry); },
      [](world& w) { return caf::actor_cast<caf::strong_actor_ptr>(w.gateway); },
  };
  for (std::size_t part = 0; part < std::size(parts); ++part)
    for (int moment : {0, 20, 60, 150}) {
      world w{{.device_chunks = 6, .batch_max = 2}};
      std::vector<turn_id> ids;
      for (int c = 0; c < 4; ++c) ids.push_back(w.say("c" + std::to_string(c), text, 100));
      for (int n = 0; n < moment; ++n) w.step();
      w.kill(parts[part](w));
      w.run();
      for (auto id : ids) EXPECT_TRUE(w.outcome(id).done) << "part " << part << ", moment " << moment;
    }
}

TEST(Liveness, LogitsThatAreNotNumbersFailTheirTurnWithASentence) {
  world w;
  w.talk("c", text);
  w.backend->faults.logits_break = 1;
  auto id = w.say("c", text + text);
  w.run();
  EXPECT_THAT(w.outcome(id).error, HasSubstr("not finite"));
  EXPECT_EQ(w.info("c").messages, 2u);
  auto again = w.say("c", text + text);
  w.run();
  EXPECT_EQ(w.outcome(again).error, "") << "nothing of the bad step is reused";
}

TEST(Fairness, AnotherTurnsSlowLoadDoesNotStopAnAnswerThatRuns) {
  for (std::size_t reads : {0, 6, 8, 10, 12}) {
    world w{{.device_chunks = 14, .host_chunks = 4}};
    w.talk("old", many(8));
    for (int c = 0; c < 6; ++c) w.talk("o" + std::to_string(c), std::to_string(c) + many(8));
    w.disk_stalled = true;
    auto old = w.say("old", "Are you still there?", 10);
    w.drain();
    w.disk_device->poll(reads);
    auto live = w.say("live", "hello", 200);
    w.drain();
    EXPECT_TRUE(w.outcome(live).done) << "it waits for another turn's load, " << reads << " reads done";
    w.disk_stalled = false;
    w.run();
    EXPECT_EQ(w.outcome(old).error, "");
  }
}

TEST(Fairness, ASmallTurnIsNotBehindABigOne) {
  world w{{.device_chunks = 16}};
  auto live = w.say("live", "hello", 500);
  for (int n = 0; n < 60; ++n) w.step();
  w.say("big", text, 900);
  for (int n = 0; n < 60; ++n) w.step();
  auto small = w.say("small", "hello", 4);
  while (!w.outcome(small).done && w.step()) {
  }
  EXPECT_TRUE(w.outcome(small).done);
  EXPECT_FALSE(w.outcome(live).done) << "there was room for the small one";
  w.run();
}

TEST(Fairness, TurnsThatWaitForDeviceMemoryAreHintedToo) {
  auto ordered = [](std::uint32_t batch_max) {
    world w{{.device_chunks = 6, .host_chunks = 7, .batch_max = batch_max}};
    for (int c = 0; c < 6; ++c) w.talk("c" + std::to_string(c), many(3) + std::to_string(c));
    for (int c = 0; c < 6; ++c) w.say("c" + std::to_string(c), "And now?");
    w.run();
    return w.counter(w.prefetcher, "ordered_chunks");
  };
  EXPECT_GT(ordered(16), 0);
}

TEST(Reuse, WhatACancelledTurnComputedIsReused) {
  world w{{.step_tokens_max = 48}};
  w.talk("c", text);
  auto id = w.say("c", many(8), 20);
  for (int n = 0; n < 60; ++n) w.step();
  caf::anon_send(w.gateway, atom::cancel_v, id);
  w.run();
  auto computed = w.counter(w.device, "computed_chunks");
  ASSERT_GT(computed, 1);
  auto again = w.talk("c", many(8));
  EXPECT_LT(again.computed_tokens + 64u, again.prompt_tokens);
  EXPECT_GE(tokens_from(again.hits, "device"), 64u * static_cast<std::uint32_t>(computed - 1));
}

TEST(Reuse, AnAnswerThatPassesItsWindowKeepsItsPlace) {
  auto computed = [](int others) {
    world w{{.device_chunks = 4, .host_chunks = 2, .batch_max = 8, .disk = false, .context = 128}};
    auto a = w.say("a", "hello", 300);
    w.run();
    for (int c = 0; c < others; ++c) w.say("o" + std::to_string(c), std::to_string(c) + text, 60);
    w.run();
    return w.outcome(a).statistics.computed_tokens;
  };
  EXPECT_EQ(computed(0), computed(6));
}

TEST(Reuse, ATailThatIsNowhereElseStaysForAForkWhenItsConversationGoesOn) {
  world w;
  without_tiers idle{w, false};
  w.talk("original", "hello", 4);
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::fork_v, conversation_ref{"tenant", "original"}, std::string{"copy"},
                  all_messages)
        .then([](const conversation_info&) {}, [](const caf::error& e) { ADD_FAILURE() << explain(e); });
  });
  w.run();
  w.talk("original", "hello", 4);
  EXPECT_GT(tokens_from(w.talk("copy", "hello", 4).hits, "device"), 0u);
}

TEST(Reuse, AChunkThatTwoTurnsComputeAtOnceIsHandedDownOnce) {
  world w{{.step_tokens_max = 512}};
  without_tiers idle{w, false};
  w.say("runs", "hello", 400);  // so that the two wait for one of its steps, and begin in the next
  for (int n = 0; n < 60; ++n) w.step();
  for (int i = 0; i < 2; ++i) w.say("c" + std::to_string(i), many(6), 4);
  w.run();
  ASSERT_GE(idle.layers_handed_down.size(), 2u);
  for (const auto& [key, layers] : idle.layers_handed_down) EXPECT_EQ(layers, w.geometry.layers);
}

TEST(Reuse, TailsThatWereGrownFromGoBeforeWhatIsStillOfUse) {
  world w{{.device_chunks = 2, .host_chunks = 5, .disk = false}};
  w.talk("a", "hello", 4);
  w.talk("b", many(3), 4);
  for (int turn = 0; turn < 6; ++turn) w.talk("b", "yes", 4);
  EXPECT_GT(w.counter(w.host, "evicted_chunks"), 0);
  EXPECT_GT(tokens_from(w.talk("a", "hello", 4).hits, "host"), 0u) << "b's old tails stayed in its place";
}

TEST(Reuse, TheDiskGivesUpTheTailOfAChainBeforeItsHead) {
  world w{{.disk_chunks = 20}};
  w.talk("a", many(28));
  std::map<kv::chunk_key, std::uint32_t> of_a;
  for (const auto& c : w.store->load()) of_a[c.key] = c.depth;
  for (int c = 0; c < 12 && w.counter(w.disk, "evicted_chunks") == 0; ++c)
    w.talk("o" + std::to_string(c), std::to_string(c) + many(3));
  std::set<std::uint32_t> left;
  for (const auto& c : w.store->load())
    if (of_a.contains(c.key)) left.insert(of_a[c.key]);
  if (!left.empty()) {
    EXPECT_TRUE(left.contains(0u)) << "what is left is useless: its head is gone";
  }
}

TEST(Reuse, WhatIsForgottenForGoodLeavesNoChunks) {
  world w;
  for (int turn = 0; turn < 3; ++turn) w.talk("c", many(4) + std::to_string(turn));
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::forget_v, conversation_ref{"tenant", "c"}).then([] {});
  });
  w.run();
  EXPECT_EQ(w.store->load().size(), 0u);
  EXPECT_EQ(w.counter(w.host, "chunks"), 0);
  EXPECT_EQ(w.counter(w.device, "chunks"), 0);
}

}  // namespace
}  // namespace chromatin::test
