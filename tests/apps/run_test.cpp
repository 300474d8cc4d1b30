// Plays sittings against a real system behind a real socket: the path that replay measures.

#include <fstream>

#include <gtest/gtest.h>

#include "actors/launch.hpp"
#include "apps/replay/summary.hpp"
#include "rpc/server.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::replay {
namespace {

struct live_server {
  kv::overflow_policy overflow;
  test::temporary_folder folder;
  running_system system{{.model = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets/concierge",
                         .device_bytes = 16u << 20,
                         .host_bytes = 32u << 20,
                         .disk = folder.path() / "store",
                         .disk_bytes = 64u << 20,
                         .threads = 1,
                         .overflow = overflow}};
  rpc::server server{system.actors(),
                     system.gateway(),
                     system.telemetry(),
                     system.supervisor(),
                     {.listen = {"unix:" + (folder.path() / "socket").string()}}};
};

std::vector<sitting> sample(std::size_t conversations, std::size_t join) {
  auto file = std::string{CHROMATIN_SOURCE_DIR} + "/assets/conversations/sgd-sample.jsonl";
  std::ifstream in{file};
  return string_together(read_conversations(in, file, conversations), join);
}

run_result play(const std::vector<sitting>& sittings, bool reuse, kv::overflow_policy overflow = {}) {
  live_server live{overflow};
  run_options options{.server = live.server.addresses().front(), .reuse = reuse, .concurrency = 2, .answer_tokens = 8};
  std::atomic<std::size_t> told = 0;
  auto result = run(sittings, options, [&](std::size_t done) { told = done; });
  EXPECT_EQ(told, result.turns.size());
  return result;
}

TEST(ReplayRun, EveryTurnIsPlayedInOrderAndReuseComputesLess) {
  auto sittings = sample(6, 2);
  auto off = play(sittings, false), on = play(sittings, true);
  ASSERT_EQ(off.turns.size(), on.turns.size());
  std::size_t at = 0;
  for (std::uint32_t s = 0; s < sittings.size(); ++s)
    for (std::uint32_t t = 1; t <= sittings[s].user_turns.size(); ++t, ++at) {
      EXPECT_EQ(std::pair(on.turns[at].sitting, on.turns[at].turn), std::pair(s, t));
      EXPECT_GT(on.turns[at].first_text_us, 0);
    }
  EXPECT_EQ(at, on.turns.size());

  auto a = summarise(off), b = summarise(on);
  EXPECT_EQ(a.prefill_tokens_computed, a.prompt_tokens) << "without reuse everything is computed";
  EXPECT_GT(b.reused_share(), 0.8);
  EXPECT_EQ(b.prefill_tokens_computed + b.tokens_from("device") + b.tokens_from("host") + b.tokens_from("disk"),
            b.prompt_tokens);
}

TEST(ReplayRun, ASittingThatFillsTheContextEndsThereAndTheOthersGoOn) {
  sitting endless{std::vector<std::string>(40, std::string(400, 'x'))}, shortly{{"Hello.", "Thank you."}};
  auto result = play({endless, shortly}, true, {.ratio = 0});
  EXPECT_EQ(result.sittings_cut, 1u);
  EXPECT_EQ(result.turns.back().sitting, 1u);
  EXPECT_EQ(result.turns.back().turn, 2u);
}

TEST(ReplayRun, ASittingThatPassesTheContextGoesOnWithItsCache) {
  const std::string text = "I would like to book a table for two people at an Italian restaurant tomorrow. ";
  std::vector<std::string> turns(30, text + text + text);
  auto on = summarise(play({{turns}}, true)), off = summarise(play({{turns}}, false));
  EXPECT_EQ(on.turns, 30u);
  EXPECT_GT(on.dropped_tokens, 500u);
  EXPECT_GT(on.reused_share(), 0.9);
  EXPECT_LT(on.prefill_tokens_computed, off.prefill_tokens_computed / 10);
}

TEST(ReplayRun, RecordedAnswersStandInTheHistoryAndSystemPromptsBeforeIt) {
  live_server live{{}};
  sitting one{.user_turns = {"Hello.", "And then?", "Thank you."},
              .recorded = {"Recorded: good day.", "", "never sent"},
              .system = "You speak of trains."};
  run_options options{
      .server = live.server.addresses().front(), .concurrency = 1, .answer_tokens = 8, .recorded_answers = true};
  auto result = run({one}, options, [](std::size_t) {});
  ASSERT_EQ(result.turns.size(), 3u);
  rpc::client client{live.server.addresses().front()};
  auto all = client.list();
  ASSERT_EQ(all.size(), 1u) << "what was replaced is forgotten";
  auto said = client.find(all.front().id).read(0).messages;
  ASSERT_EQ(said.size(), 7u);
  EXPECT_EQ(said[0].content, "You speak of trains.");
  EXPECT_EQ(said[2].content, "Recorded: good day.");
  EXPECT_EQ(said[4].content, result.turns[1].text) << "the file has no answer there";
  EXPECT_EQ(said[5].content, "Thank you.");
  EXPECT_EQ(said[6].content, result.turns[2].text);
}

TEST(ReplayRun, AServerThatIsNotThereIsNamed) {
  try {
    run(sample(1, 1), {.server = "unix:nowhere"}, [](std::size_t) {});
    FAIL() << "nothing listens there";
  } catch (const rpc::call_error& e) {
    EXPECT_NE(std::string{e.what()}.find("nowhere"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace chromatin::replay
