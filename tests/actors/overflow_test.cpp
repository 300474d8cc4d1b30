// Windows that are full: the older part goes, what stays keeps its cache, in every tier and in mid-answer.

#include <gmock/gmock.h>

#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Opens a conversation with a system prompt.
void open(world& w, const std::string& conversation, const std::string& system_prompt) {
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::open_v, conversation_ref{"tenant", conversation}, system_prompt)
        .then([](const conversation_info&) {});
  });
  w.run();
}

/// Five conversations that each pass their window several times, one after the other in turns.
std::vector<std::string> play_over(world& w, bool together = false) {
  std::vector<std::string> answers(50);
  for (std::size_t turn = 0; turn < 10; ++turn) {
    std::vector<turn_id> ids;
    for (std::size_t c = 0; c < 5; ++c) {
      ids.push_back(w.say("c" + std::to_string(c), std::to_string(c) + quiet_room + std::to_string(turn), 30));
      if (!together) w.run();
    }
    w.run();
    for (std::size_t c = 0; c < 5; ++c) {
      EXPECT_EQ(w.outcome(ids[c]).error, "");
      answers[turn * 5 + c] = w.outcome(ids[c]).text;
    }
  }
  return answers;
}

const std::vector<std::string>& undisturbed_over() {
  static const auto answers = [] {
    world w{{.device_chunks = 512, .host_chunks = 512, .disk_chunks = 1024, .context = 256}};
    return play_over(w);
  }();
  return answers;
}

TEST(Overflow, AMessageThatFindsNoRoomDropsTheOldestAndTheRestIsReused) {
  world w{{.context = 256}};
  std::uint32_t dropped = 0;
  for (int turn = 0; turn < 20; ++turn) {
    auto s = w.talk("c", quiet_room);
    EXPECT_EQ(tokens_from(s.hits, "device") + s.computed_tokens, s.prompt_tokens);
    EXPECT_LT(s.computed_tokens, 70u) << "only what is new is computed, turn " << turn;
    EXPECT_LE(w.info("c").tokens, 257u);  // one more closes an answer that was cut short
    dropped += s.dropped_tokens;
  }
  EXPECT_GT(dropped, 512u);
  EXPECT_EQ(w.info("c").messages, 40u) << "what was said is remembered, whatever the window holds";
}

TEST(Overflow, AnAnswerLongerThanTheWindowGoesOnAndNothingIsComputedAnew) {
  world w{{.context = 256}};
  auto s = w.talk("c", quiet_room, 700);
  EXPECT_EQ(s.stopped, stop_reason::tokens_max);
  EXPECT_EQ(s.answer_tokens, 700u);
  EXPECT_GE(s.dropped_tokens, 512u);
  EXPECT_LT(s.computed_tokens, 70u);
  EXPECT_EQ(w.counter(w.device, "turns_with_pages"), 0);
  auto next = w.talk("c", "Thank you.");
  EXPECT_LT(next.computed_tokens, 70u);
  EXPECT_GT(tokens_from(next.hits, "device"), 64u);
}

TEST(Overflow, EveryTierGivesTheTokensOfAnUndisturbedRun) {
  world w{{.device_chunks = 8, .host_chunks = 12, .disk_chunks = 512, .context = 256}};
  EXPECT_EQ(play_over(w), undisturbed_over());
  EXPECT_GT(w.counter(w.scheduler, "window_tokens_dropped") + w.counter(w.registry, "truncations"), 10);
  EXPECT_GT(w.counter(w.disk, "hit_chunks"), 0);
  EXPECT_GT(w.counter(w.scheduler, "prompt_tokens_reused"), w.counter(w.scheduler, "prompt_tokens_computed"));
}

TEST(Overflow, TurnsTogetherGiveTheTokensOfTurnsAlone) {
  for (std::uint64_t seed : {1, 2}) {
    world w{{.device_chunks = 40, .host_chunks = 40, .disk_chunks = 512, .shuffle_seed = seed, .context = 256}};
    EXPECT_EQ(play_over(w, true), undisturbed_over()) << "seed " << seed;
  }
}

TEST(Overflow, WithoutReuseWhatStaysIsComputedAgain) {
  world w{{.context = 256}};
  auto id = w.say("c", quiet_room, 300, false);
  w.run();
  const auto& s = w.outcome(id).statistics;
  EXPECT_EQ(s.answer_tokens, 300u);
  EXPECT_GE(s.dropped_tokens, 128u);
  EXPECT_EQ(s.computed_tokens, s.prompt_tokens);
  EXPECT_GT(s.computed_tokens, 128u);
  EXPECT_EQ(w.counter(w.device, "chunks"), 0);
  w.talk("c", "And with reuse again.");
}

/// What the last turn of a long conversation computes when all of its cache is gone.
turn_statistics after_a_loss(std::uint32_t history_tokens_max) {
  world w{{.device_chunks = 5,
           .host_chunks = 3,
           .disk = false,
           .context = 256,
           .overflow = {.history_tokens_max = history_tokens_max}}};
  for (int turn = 0; turn < 12; ++turn) w.talk("c", quiet_room);
  for (int turn = 0; turn < 12; ++turn) w.talk("another", std::to_string(turn) + quiet_room);
  return w.talk("c", quiet_room);
}

TEST(Overflow, WithoutAHistoryAWindowThatLostItsCacheCostsNoMoreThanItsTokens) {
  auto afresh = after_a_loss(0);
  EXPECT_EQ(afresh.computed_tokens, afresh.prompt_tokens);
  EXPECT_LE(afresh.computed_tokens, 256u);
  EXPECT_GT(after_a_loss(1u << 18).computed_tokens, 256u) << "as it was: earlier windows, too";
}

TEST(Overflow, ATurnThatIsCancelledBeforeATokenNeedsTheRoomKeepsItsWindow) {
  for (bool reuse : {true, false}) {
    world w{{.context = 256}};
    auto prompt = w.talk("whole", quiet_room).prompt_tokens;
    std::uint32_t dropped = 0;
    for (int messages = 0; dropped == 0 && messages < 1000; ++messages) {
      auto id = w.say("after-" + std::to_string(messages), quiet_room, 300, reuse);
      for (int i = 0; i < messages; ++i) w.step();
      caf::anon_send(w.gateway, atom::cancel_v, id);
      w.run();
      const auto& s = w.outcome(id).statistics;
      dropped = s.dropped_tokens;
      EXPECT_EQ(dropped > 0, prompt + s.answer_tokens > 256) << "cancelled after " << messages << " messages";
    }
    EXPECT_GE(dropped, 64u);
  }
}

TEST(Overflow, TheSystemPromptStays) {
  const std::string prompt = "You are a patient assistant of a small hotel, and answer in one sentence. " + quiet_room;
  world w{{.context = 384}};
  auto window = [&](const std::string& conversation) {
    prepared_turn prepared;
    w.system.spawn([&](caf::event_based_actor* self) {
      self->request(w.registry, caf::infinite, atom::append_v, conversation_ref{"tenant", conversation}, turn_id{9999},
                    message_list{{"user", quiet_room}})
          .then([&](const prepared_turn& p) { prepared = p; });
    });
    w.run();
    caf::anon_send(w.registry, atom::release_v, abandoned_turn{.conversation = {"tenant", conversation}, .turn = 9999});
    return prepared.window;
  };
  open(w, "c", prompt);
  open(w, "fresh", prompt);
  EXPECT_EQ(w.info("c").messages, 1u);
  std::uint32_t dropped = 0;
  for (int turn = 0; turn < 12; ++turn) dropped += w.talk("c", quiet_room).dropped_tokens;
  EXPECT_GT(dropped, 0u);
  auto old = window("c"), fresh = window("fresh");
  ASSERT_GT(fresh.keep, 16u);
  EXPECT_EQ(old.keep, fresh.keep);
  EXPECT_TRUE(std::equal(fresh.tokens.begin(), fresh.tokens.begin() + fresh.keep, old.tokens.begin()));
}

TEST(Overflow, WhatMayNotBeDroppedLeavesNoRoomAndThatIsSaid) {
  world w{{.context = 256, .overflow = {.keep_tokens = 256}}};
  std::string error;
  for (int turn = 0; turn < 20 && error.empty(); ++turn) {
    auto id = w.say("c", quiet_room);
    w.run();
    error = w.outcome(id).error;
  }
  EXPECT_THAT(error, AllOf(HasSubstr("context_full"), HasSubstr("may not be dropped")));
  auto id = w.say("long", quiet_room + quiet_room + quiet_room + quiet_room + quiet_room + quiet_room + quiet_room +
                              quiet_room + quiet_room + quiet_room + quiet_room + quiet_room + quiet_room);
  w.run();
  EXPECT_THAT(w.outcome(id).error, AllOf(HasSubstr("context_full"), HasSubstr("the message has")));
  EXPECT_EQ(w.info("long").messages, 0u);
}

TEST(Overflow, CancelledAtAnyMomentNothingIsLeftBehind) {
  for (int steps = 0; steps < 900; steps += 29) {
    world w{{.device_chunks = 8, .host_chunks = 10, .disk_chunks = 256, .context = 128}};
    w.talk("c", "hello");
    auto id = w.say("c", "go on", 400);
    for (int n = 0; n < steps; ++n) w.step();
    caf::anon_send(w.gateway, atom::cancel_v, id);
    w.run();
    ASSERT_TRUE(w.outcome(id).done) << steps;
    ASSERT_EQ(w.counter(w.device, "turns_with_pages"), 0) << steps;
    ASSERT_EQ(w.counter(w.registry, "turns_leased"), 0) << steps;
    w.talk("c", "And again.");
  }
}

TEST(Overflow, ATierThatDiesInBetweenCostsTimeOnly) {
  world w{{.device_chunks = 8, .host_chunks = 12, .disk_chunks = 256, .context = 256}};
  for (int turn = 0; turn < 12; ++turn) {
    if (turn == 4) w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.disk));
    if (turn == 8) w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.host));
    for (int c = 0; c < 3; ++c) w.talk("c" + std::to_string(c), quiet_room, 40);
  }
  EXPECT_GT(w.counter(w.registry, "truncations"), 3);
}

}  // namespace
}  // namespace chromatin::test
