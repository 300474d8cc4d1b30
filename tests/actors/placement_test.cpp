// Placement changes nothing: the same tokens, whether chunks stayed in the device, came from host or disk, or were
// computed again.

#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

const std::string dinner_text =
    "I would like to book a table for two people at an Italian restaurant in San Jose tomorrow evening, please, and it "
    "should "
    "not be too expensive; also tell me whether they have vegetarian dishes and live music, and what the weather will "
    "be.";

/// Six conversations of several turns, one after the other in turns, so that each is pushed out by the others.
std::vector<std::string> play_in_turns(world& w) {
  std::vector<std::string> answers;
  for (int turn = 0; turn < 4; ++turn)
    for (int c = 0; c < 6; ++c) {
      auto id = w.say("c" + std::to_string(c), std::to_string(c) + dinner_text + std::to_string(turn));
      w.run();
      EXPECT_EQ(w.outcome(id).error, "");
      answers.push_back(w.outcome(id).text);
    }
  return answers;
}

std::vector<std::string> undisturbed_turns() {
  static const auto answers = [] {
    world w{{.device_chunks = 512, .host_chunks = 512, .disk_chunks = 1024}};
    return play_in_turns(w);
  }();
  return answers;
}

TEST(Placement, EveryTierGivesTheTokensOfAnUndisturbedRun) {
  world w{{.device_chunks = 10, .host_chunks = 16, .disk_chunks = 256}};
  EXPECT_EQ(play_in_turns(w), undisturbed_turns());
  EXPECT_GT(w.counter(w.disk, "hit_chunks"), 0);
  EXPECT_GT(w.counter(w.host, "evicted_chunks"), 0);
  EXPECT_GT(w.counter(w.device, "loaded_chunks"), 0);
  EXPECT_GT(w.counter(w.scheduler, "prompt_tokens_reused"), w.counter(w.scheduler, "prompt_tokens_computed"));
}

TEST(Placement, ComputingEverythingGivesTheSameTokens) {
  world w;
  std::vector<std::string> answers;
  for (int turn = 0; turn < 4; ++turn)
    for (int c = 0; c < 6; ++c) {
      auto id = w.say("c" + std::to_string(c), std::to_string(c) + dinner_text + std::to_string(turn), 20, false);
      w.run();
      answers.push_back(w.outcome(id).text);
    }
  EXPECT_EQ(answers, undisturbed_turns());
  EXPECT_EQ(w.counter(w.scheduler, "prompt_tokens_reused"), 0);
}

TEST(Placement, WithoutAnyTierBelowTheDeviceTurnsStillEndRight) {
  world w{{.device_chunks = 10, .host_chunks = 2, .disk_chunks = 4, .disk = false}};
  EXPECT_EQ(play_in_turns(w), undisturbed_turns());
}

TEST(Placement, ConcurrentTurnsGiveTheTokensOfTurnsAlone) {
  for (std::uint64_t seed : {1, 2, 3}) {
    world w{{.device_chunks = 24, .host_chunks = 24, .shuffle_seed = seed}};
    std::vector<std::string> answers(24);
    for (int turn = 0; turn < 4; ++turn) {
      std::vector<turn_id> ids;
      for (int c = 0; c < 6; ++c)
        ids.push_back(w.say("c" + std::to_string(c), std::to_string(c) + dinner_text + std::to_string(turn)));
      w.run();
      for (std::size_t c = 0; c < 6; ++c) answers[static_cast<std::size_t>(turn) * 6 + c] = w.outcome(ids[c]).text;
    }
    EXPECT_EQ(answers, undisturbed_turns()) << "seed " << seed;
  }
}

TEST(Placement, ANewConversationSharesTheOpeningOfAnother) {
  world w;
  w.talk("first", dinner_text + dinner_text);
  auto statistics = w.talk("second", dinner_text + dinner_text + " And then?");
  EXPECT_GE(tokens_from(statistics.hits, "device"), 64u);
}

TEST(Placement, AForkGoesOnFromTheSharedCache) {
  world w;
  w.talk("original", dinner_text);
  w.fork("original", "copy");
  auto statistics = w.talk("copy", "And in Oakland?");
  EXPECT_GT(tokens_from(statistics.hits, "device"), 64u);
  EXPECT_LT(statistics.computed_tokens, 20u);
}

TEST(Placement, TwoTurnsThatGrowOneTailAtTheSameTimeDoNotMix) {
  auto both = [](bool together) {
    world w;
    w.talk("original", dinner_text);
    w.fork("original", "copy");
    auto a = w.say("original", "For two people.");
    if (!together) w.run();
    auto b = w.say("copy", "For eleven people, on the terrace.");
    w.run();
    return std::pair{w.outcome(a).text, w.outcome(b).text};
  };
  EXPECT_EQ(both(true), both(false));
}

TEST(Placement, AfterATruncationTheCacheOfWhatStaysIsUsed) {
  world w{{.device_chunks = 10, .host_chunks = 12}};
  for (int turn = 0; turn < 4; ++turn) w.talk("c", dinner_text + std::to_string(turn));
  auto before = w.info("c").tokens;
  w.system.spawn([&](caf::event_based_actor* self) {
    self->request(w.gateway, caf::infinite, atom::truncate_v, conversation_ref{"tenant", "c"}, std::uint32_t{0}, 0.5)
        .then([](const conversation_info&) {});
  });
  w.run();
  auto after = w.info("c").tokens;
  EXPECT_LT(after, before);
  auto statistics = w.talk("c", "Thank you.");
  EXPECT_LT(statistics.computed_tokens, 20u);
  EXPECT_EQ(tokens_from(statistics.hits, "device") + tokens_from(statistics.hits, "host") +
                tokens_from(statistics.hits, "disk") + statistics.computed_tokens,
            statistics.prompt_tokens);
}

}  // namespace
}  // namespace chromatin::test
