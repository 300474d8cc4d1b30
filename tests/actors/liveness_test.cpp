// Every turn is answered, whatever its size and whoever dies, and nobody waits behind somebody who cannot be served.

#include <gmock/gmock.h>

#include "tests/actors/idle_tier.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

TEST(Liveness, TurnsAsLargeAsTheDeviceLetTheOthersIn) {
  for (std::uint32_t batch_max : {1, 16}) {
    world w{{.device_chunks = 4, .batch_max = batch_max}};
    std::vector<turn_id> ids;
    for (int i = 0; i < 16; ++i) {
      ids.push_back(w.say("big" + std::to_string(i), taxi, 500));
      ids.push_back(w.say("small" + std::to_string(i), "hello", 5));
    }
    w.run();
    for (auto id : ids) EXPECT_TRUE(w.outcome(id).done) << id << ", batch " << batch_max;
    EXPECT_EQ(w.counter(w.scheduler, "turns_waiting"), 0);
  }
}

TEST(Liveness, CancellingATurnThatWaitsForTheDiskLetsTheNextOneIn) {
  world w{{.device_chunks = 6, .host_chunks = 4, .batch_max = 1}};
  for (int c = 0; c < 5; ++c) w.talk("c" + std::to_string(c), taxi + taxi + std::to_string(c));
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
    auto id = w.say("c", taxi);
    w.run();
    EXPECT_THAT(w.outcome(id).error, HasSubstr("not_available")) << throws;
    auto next = w.say("d", taxi);
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
      for (int c = 0; c < 4; ++c) ids.push_back(w.say("c" + std::to_string(c), taxi, 100));
      for (int n = 0; n < moment; ++n) w.step();
      w.kill(parts[part](w));
      w.run();
      for (auto id : ids) EXPECT_TRUE(w.outcome(id).done) << "part " << part << ", moment " << moment;
    }
}

TEST(Liveness, LogitsThatAreNotNumbersFailTheirTurnWithASentence) {
  world w;
  auto before = w.talk("c", taxi);
  w.backend->faults.logits_break = 1;
  auto id = w.say("c", many(4));
  w.run();
  EXPECT_THAT(w.outcome(id).error, HasSubstr("not finite"));
  EXPECT_EQ(w.info("c").messages, 2u);
  auto again = w.say("c", many(4));
  w.run();
  EXPECT_EQ(w.outcome(again).error, "");
  auto& statistics = w.outcome(again).statistics;
  EXPECT_LT(statistics.prompt_tokens - statistics.computed_tokens, before.prompt_tokens + before.answer_tokens)
      << "nothing of the bad step is reused";
}

TEST(Fairness, AnotherTurnsSlowLoadDoesNotStopAnAnswerThatRuns) {
  for (std::size_t reads : {0, 6, 8, 10, 12}) {
    world w{{.device_chunks = 14, .host_chunks = 4}};
    w.talk("old", many(8));
    for (int c = 0; c < 6; ++c) w.talk("o" + std::to_string(c), std::to_string(c) + many(8));
    w.disk_stalled = true;
    auto old = w.say("old", "Are you still there?", 10);
    w.drain();
    w.poll_disk(reads);
    auto live = w.say("live", "hello", 200);
    w.drain();
    EXPECT_TRUE(w.outcome(live).done) << "it waits for another turn's load, " << reads << " reads done";
    w.disk_stalled = false;
    w.run();
    EXPECT_EQ(w.outcome(old).error, "");
  }
}

TEST(Fairness, AShortPromptIsNotComputedBehindALongOne) {
  world w{{.step_tokens_max = 48}};
  std::vector<std::string> ended;
  for (auto [name, texts] : {std::pair{"long", 12}, std::pair{"short", 2}}) {
    auto id = w.say(name, many(texts), 1);
    w.when_done(id, [&ended, name] { ended.push_back(name); });
  }
  w.run();
  EXPECT_THAT(ended, testing::ElementsAre("short", "long"));
}

TEST(Fairness, TheMoreUrgentTurnIsServedFirst) {
  world w{{.batch_max = 1}};
  w.say("runs", taxi, 40);
  std::vector<std::string> ended;
  for (auto [name, priority] : {std::pair{"patient", 10}, std::pair{"urgent", 90}}) {
    auto id = w.say(name, taxi, 40, true, static_cast<std::uint8_t>(priority));
    w.when_done(id, [&ended, name] { ended.push_back(name); });
  }
  w.run();
  EXPECT_THAT(ended, testing::ElementsAre("urgent", "patient"));
}

TEST(Fairness, ATurnGivesWayToMoreUrgentOnesOnlySoOften) {
  world w{{.device_chunks = 5, .host_chunks = 64}};
  auto patient = w.say("patient", taxi, 400, true, 10);
  for (int n = 0; n < 100; ++n) w.step();
  for (int i = 0; i < 24; ++i) {
    auto urgent = w.say("urgent" + std::to_string(i), many(8), 5, true, 90);
    while (!w.outcome(urgent).done && w.step()) continue;
    for (int n = 0; n < 30; ++n) w.step();
  }
  w.run();
  EXPECT_EQ(w.outcome(patient).error, "");
  EXPECT_GT(w.outcome(patient).statistics.preemptions, 1u);
  EXPECT_LE(w.outcome(patient).statistics.preemptions, scheduler_limits{}.preemptions_max);
}

TEST(Fairness, ASmallTurnIsNotBehindABigOne) {
  world w{{.device_chunks = 16}};
  auto live = w.say("live", "hello", 500);
  for (int n = 0; n < 60; ++n) w.step();
  w.say("big", taxi, 900);
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

}  // namespace
}  // namespace chromatin::test
