// What happens to single turns: hints, cancelling, limits, errors.

#include <gmock/gmock.h>

#include "tests/actors/long_texts.hpp"
#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

TEST(Turns, TheNextTurnComputesOnlyWhatIsNew) {
  world w;
  auto first = w.talk("c", taxi);
  auto second = w.talk("c", "Thanks!");
  EXPECT_EQ(first.computed_tokens, first.prompt_tokens);
  EXPECT_EQ(tokens_from(second.hits, "device"), first.prompt_tokens + first.answer_tokens - 1);
  EXPECT_LT(second.computed_tokens, 15u);
}

TEST(Turns, AStopStringIsNotInTheWindowThatTheModelSees) {
  world w;
  auto id = w.say("whole", taxi);
  w.run();
  auto all = w.outcome(id).text;
  auto cut = w.say("cut", taxi, 20, true, 50, {all.substr(all.size() - 12)});
  w.run();
  const auto& statistics = w.outcome(cut).statistics;
  EXPECT_EQ(statistics.stopped, stop_reason::stop_string);
  EXPECT_EQ(w.outcome(cut).text, all.substr(0, all.size() - 12));
  EXPECT_LT(w.info("cut").tokens, statistics.prompt_tokens + statistics.answer_tokens);
}

TEST(Turns, HintsLeaveBeforeTheComputeTheyAreFor) {
  world w{{.batch_max = 1}};
  for (int c = 0; c < 5; ++c) w.say("c" + std::to_string(c), taxi);
  w.run();
  EXPECT_GE(w.counter(w.prefetcher, "hints"), 5);
}

TEST(Turns, ChunksAreRaisedFromDiskWhileTheirTurnWaits) {
  world w{{.device_chunks = 6, .host_chunks = 7, .batch_max = 1}};
  for (int c = 0; c < 6; ++c) w.talk("c" + std::to_string(c), taxi + taxi + std::to_string(c));
  for (int c = 0; c < 6; ++c) w.say("c" + std::to_string(c), "And now?");
  w.run();
  EXPECT_GT(w.counter(w.prefetcher, "ordered_chunks"), 0);
  EXPECT_GT(w.counter(w.host, "raised_chunks"), 0);
  EXPECT_EQ(w.counter(w.device, "late_loads"), 0);  // two orders for the same chunks do not disturb each other
}

TEST(Turns, AClientThatHasAllPlacesOfTheBatchGivesOneToAnother) {
  world w{{.batch_max = 3, .many_clients = true}};
  std::vector<std::string> ended;
  auto say = [&](const std::string& name, std::uint32_t tokens) {
    auto id = w.say(name, taxi, tokens);
    w.when_done(id, [&ended, name] { ended.push_back(name); });
    return id;
  };
  std::vector<turn_id> all{say("1-of-a", 150), say("2-of-a", 150), say("3-of-a", 150)};
  for (int i = 0; i < 100; ++i) w.step();
  ASSERT_TRUE(ended.empty()) << w.outcome(all[0]).error;
  all.push_back(say("1-of-b", 20));
  w.run();
  EXPECT_EQ(ended.at(0), "1-of-b");
  for (auto id : all) EXPECT_EQ(w.outcome(id).error, "");
  std::uint32_t gave_way = 0;
  for (auto id : all) gave_way += w.outcome(id).statistics.preemptions;
  EXPECT_EQ(gave_way, 1u) << "one place is enough";
}

TEST(Turns, ASecondTurnOfOneConversationIsRefusedWhileTheFirstRuns) {
  world w;
  auto a = w.say("c", taxi), b = w.say("c", "me too");
  w.run();
  EXPECT_EQ(w.outcome(a).error, "");
  EXPECT_THAT(w.outcome(b).error, HasSubstr("busy"));
}

TEST(Turns, ACancelledTurnKeepsWhatWasAnsweredAndGivesItsPagesBack) {
  world w;
  auto id = w.say("c", taxi, 400);
  for (int n = 0; n < 120; ++n) w.step();
  EXPECT_FALSE(w.outcome(id).done);
  caf::anon_send(w.gateway, atom::cancel_v, id);
  w.run();
  EXPECT_TRUE(w.outcome(id).done);
  EXPECT_EQ(w.outcome(id).statistics.stopped, stop_reason::cancelled);
  EXPECT_LT(w.outcome(id).statistics.answer_tokens, 400u);
  EXPECT_EQ(w.counter(w.device, "turns_with_pages"), 0);
  EXPECT_EQ(w.info("c").messages, 2u);
  w.talk("c", "Go on.");
}

TEST(Turns, ATurnCancelledAtAnyMomentLeavesNothingBehind) {
  for (int steps = 0; steps < 120; steps += 3) {
    world w{{.device_chunks = 6, .host_chunks = 8}};
    for (int c = 0; c < 3; ++c) w.talk("c" + std::to_string(c), taxi + taxi);
    auto id = w.say("c0", "hello", 20);
    for (int n = 0; n < steps; ++n) w.step();
    caf::anon_send(w.gateway, atom::cancel_v, id);
    w.run();
    ASSERT_TRUE(w.outcome(id).done) << steps;
    ASSERT_EQ(w.counter(w.device, "turns_with_pages"), 0) << steps;
    ASSERT_EQ(w.counter(w.registry, "turns_leased"), 0) << steps;
    w.talk("c0", "And again.");
  }
}

TEST(Turns, TooManyWaitingTurnsAreRefused) {
  world w{{.batch_max = 1, .queue_max = 2}};
  std::vector<turn_id> ids;
  for (int c = 0; c < 5; ++c) ids.push_back(w.say("c" + std::to_string(c), taxi));
  w.run();
  int refused = 0;
  for (auto id : ids) refused += w.outcome(id).error.starts_with("overloaded") ? 1 : 0;
  EXPECT_GT(refused, 0);
  EXPECT_EQ(w.counter(w.scheduler, "turns_refused"), refused);
}

TEST(Turns, AnAnswerLongerThanTheDeviceGoesOnInAShorterWindow) {
  world w{{.device_chunks = 2}};
  EXPECT_EQ(w.checkpoint->config.context, 128u);
  auto s = w.talk("c", taxi, 500);
  EXPECT_EQ(s.answer_tokens, 500u);
  EXPECT_GT(s.dropped_tokens, 300u);
}

TEST(Turns, TurnsThatDoNotFitTogetherWaitForEachOther) {
  world w{{.device_chunks = 3, .batch_max = 4}};
  std::vector<turn_id> ids;
  for (int c = 0; c < 4; ++c) ids.push_back(w.say("c" + std::to_string(c), taxi, 60));
  w.run();
  for (auto id : ids) EXPECT_EQ(w.outcome(id).error, "");
}

TEST(Turns, AFullContextIsAClearErrorBeforeAnythingIsWritten) {
  world w{{.overflow = {.ratio = 0}}};
  std::string error;
  for (int turn = 0; turn < 100 && error.empty(); ++turn) {
    auto id = w.say("c", taxi + taxi + taxi);
    w.run();
    error = w.outcome(id).error;
  }
  EXPECT_THAT(error, testing::AllOf(HasSubstr("context_full"), HasSubstr("1024")));
  auto before = w.info("c");
  w.say("c", taxi + taxi + taxi);
  w.run();
  EXPECT_EQ(w.info("c").version, before.version);
}

TEST(Turns, BadRequestsAreNamed) {
  world w;
  auto error_of = [&](const std::string& conversation, const std::string& message) {
    auto id = w.say(conversation, message);
    w.run();
    return w.outcome(id).error;
  };
  EXPECT_THAT(error_of("", "hi"), HasSubstr("invalid_argument"));
  EXPECT_THAT(error_of("two words", "hi"), HasSubstr("invalid_argument"));
  EXPECT_THAT(error_of(std::string(129, 'x'), "hi"), HasSubstr("1 to 128"));
  EXPECT_THAT(error_of("c", "\xff\xfe"), HasSubstr("invalid_text"));
  EXPECT_THAT(error_of("c", std::string(300 << 10, 'x')), HasSubstr("too_large"));
  for (std::uint32_t tokens : {0u, 65537u, ~0u}) {
    auto id = w.say("c", "hi", tokens);
    w.run();
    EXPECT_THAT(w.outcome(id).error, HasSubstr("1 to 65536 tokens"));
  }
  EXPECT_EQ(w.info("c").messages, 0u);
}

TEST(Turns, AnotherTenantGetsNoHitOnTheSameText) {
  world w;
  w.talk("c", taxi + taxi);
  turn_statistics other;
  say_request request{.turn = 999, .conversation = {"other", "c"}, .text = taxi + taxi};
  request.sampling.tokens_max = 4;
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::say_v, request, std::shared_ptr<token_sink>{})
        .then([&](const turn_statistics& s) { other = s; });
  });
  w.run();
  EXPECT_EQ(other.computed_tokens, other.prompt_tokens);
  EXPECT_EQ(other.answer_tokens, 4u);
}

TEST(Turns, ARunIsTheSameEveryTime) {
  auto run_once = [] {
    world w{{.device_chunks = 12, .host_chunks = 12, .shuffle_seed = 7}};
    std::vector<turn_id> ids;
    for (int c = 0; c < 6; ++c) ids.push_back(w.say("c" + std::to_string(c), taxi + std::to_string(c)));
    w.run();
    std::vector<std::int64_t> numbers;
    for (auto id : ids) numbers.push_back(w.outcome(id).statistics.total_us);
    for (auto name : {"hit_chunks", "stored_chunks", "commits"}) numbers.push_back(w.counter(w.disk, name));
    return numbers;
  };
  EXPECT_EQ(run_once(), run_once());
}

}  // namespace
}  // namespace chromatin::test
