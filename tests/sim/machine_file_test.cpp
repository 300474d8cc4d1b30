// Machine files and workloads as people write them.

#include "sim/machine/machine.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/workload.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::sim {
namespace {

using test::reason;

const std::filesystem::path assets = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "assets";

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in{file};
  return {std::istreambuf_iterator<char>{in}, {}};
}

class MachineFile : public ::testing::Test {
 protected:
  /// Of the 13B machine's file with `from` replaced by `to`, what is wrong.
  std::string complaint(const std::string& from, const std::string& to, const changes& with = {}) {
    auto text = text_of(assets / "machines/llama-13b.toml");
    auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return complaint_of(text, [&](const auto& file) { read_machine(file, with); });
  }
  std::string workload_complaint(const std::string& from, const std::string& to) {
    auto text = text_of(assets / "workloads/paper.toml");
    auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    return complaint_of(text, [&](const auto& file) { read_workload(file, 1); });
  }

 private:
  template <class Read>
  std::string complaint_of(const std::string& text, Read read) {
    auto file = folder_ / "m.toml";
    std::ofstream{file} << text;
    return reason([&] { read(file); });
  }

  test::temporary_folder folder_;
};

TEST_F(MachineFile, EveryOneThatComesWithTheProjectIsRead) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(assets / "machines")) {
    auto m = read_machine(entry.path());
    EXPECT_GT(m.kv_bytes_per_token, 0) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 4U);
  EXPECT_EQ(read_machine(assets / "machines/llama-65b.toml").kv_bytes_per_token, 2.5e6);
}

TEST_F(MachineFile, AChangeTakesThePlaceOfWhatTheFileSays) {
  auto m = read_machine(assets / "machines/llama-13b.toml", {{"host.gb", "64"}, {"reuse.layerwise_loading", "false"}});
  EXPECT_EQ(m.host_gb, 64);
  EXPECT_FALSE(m.layerwise_loading);
}

TEST_F(MachineFile, WhatIsWrongIsToldWithFileLineAndKey) {
  EXPECT_THAT(complaint("[host]\ngb = 128", "[host]\ngb = \"much\""), ::testing::HasSubstr("host.gb must be a number"));
  EXPECT_THAT(complaint("[host]\ngb = 128", "[host]\ngb = -1"),
              ::testing::ContainsRegex("m.toml, line [0-9]+: host.gb"));
  EXPECT_THAT(complaint("[host]\ngb = 128", "[host]\nsize = 128"),
              ::testing::HasSubstr("no key size in [host]; there are gb"));
  EXPECT_THAT(complaint("[host]\ngb = 128", "[host]"), ::testing::HasSubstr("host.gb is missing"));
  EXPECT_THAT(complaint("[host]", "[hosts]"), ::testing::HasSubstr("hosts is not known here"));
  EXPECT_THAT(complaint("[host]", "[host"), ::testing::ContainsRegex("m.toml, line [0-9]+"));
  EXPECT_THAT(complaint("layers = 40", "layers = 0"), ::testing::HasSubstr("model.layers"));
  EXPECT_THAT(complaint("layers = 40", "layers = nan"), ::testing::HasSubstr("model.layers"));
  EXPECT_THAT(complaint("layers = 40", "layers = 40", {{"host.gb", "lots"}}),
              ::testing::HasSubstr("--set host.gb=lots"));
}

TEST_F(MachineFile, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(reason([] { read_machine("nowhere.toml"); }), ::testing::HasSubstr("nowhere.toml"));
}

TEST_F(MachineFile, AChangeNeedsAKeyAndAValue) {
  EXPECT_EQ(parse_change("host.gb=64").value, "64");
  EXPECT_THAT(reason([] { parse_change("host.gb"); }), ::testing::HasSubstr("--set host.gb"));
  EXPECT_THAT(reason([] { parse_change("=1"); }), ::testing::HasSubstr("--set"));
}

TEST_F(MachineFile, StatisticsThatContradictEachOtherAreRefused) {
  EXPECT_THAT(workload_complaint("over_4k = 0.30", "over_4k = 0.60"), ::testing::HasSubstr("over_4k"));
  EXPECT_THAT(workload_complaint("turns_mean = 5.75", "turns_mean = 1.2"), ::testing::HasSubstr("turns_mean"));
  EXPECT_THAT(workload_complaint("count = 9000", "count = 0"), ::testing::HasSubstr("conversations.count"));
}

// -- workloads --

TEST(Workload, ConversationsHaveTheStatisticsThatWereAskedFor) {
  auto w = read_workload(assets / "workloads/paper.toml", 1);
  double several = 0, over_2k = 0, over_4k = 0;
  for (const auto& c : w.conversations) {
    std::uint64_t tokens = 0;
    for (const auto& t : c.turns) tokens += t.said_tokens + t.answer_tokens;
    several += c.turns.size() > 1;
    over_2k += tokens > 2048;
    over_4k += tokens > 4096;
  }
  auto count = static_cast<double>(w.conversations.size());
  EXPECT_EQ(count, 9000);
  EXPECT_NEAR(static_cast<double>(w.turns()) / count, 5.75, .15);
  EXPECT_NEAR(several / count, .73, .02);
  EXPECT_NEAR(over_2k / count, .47, .02);
  EXPECT_NEAR(over_4k / count, .30, .02);
  EXPECT_NEAR(static_cast<double>(w.conversations.back().turns[0].due_us) / 1e6, 9000, 300) << "one a second";
}

TEST(Workload, AnotherSeedMakesOthersAndTheSameTheSame) {
  auto first = [](std::uint64_t seed) {
    return read_workload(assets / "workloads/paper.toml", seed).conversations[0].turns[0].due_us;
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
}

TEST(Workload, MessagesBecomeTurns) {
  const std::string file =
      R"({"messages": [{"role": "system", "content": "12345678"}, {"role": "user", "content": [{"type": "text", "text": "1234"}]}, {"role": "assistant", "content": "123456789"}, {"role": "user", "content": "12"}, {"role": "user", "content": "12"}]}

{"messages": [{"role": "assistant", "content": "hello"}]}
)";
  auto w = make_dialogues(file, "x", {.count = 3, .answer_tokens = 7}, 1);
  ASSERT_EQ(w.conversations.size(), 3U);
  const auto& turns = w.conversations[2].turns;
  ASSERT_EQ(turns.size(), 3U);
  EXPECT_EQ(turns[0].said_tokens, 2U + 4 + 1 + 4);
  EXPECT_EQ(turns[0].answer_tokens, 3U);
  EXPECT_EQ(turns[1].said_tokens, 1U + 4);
  EXPECT_EQ(turns[1].answer_tokens, 7U) << "the file has none";
  EXPECT_FALSE(turns[0].after_answer);
  EXPECT_TRUE(turns[2].after_answer);
}

TEST(Workload, ALineThatHoldsNoConversationIsNamed) {
  auto complaint = [](const std::string& text) { return reason([&] { make_dialogues(text, "x", {}, 1); }); };
  EXPECT_EQ(complaint("\n{\"messages\": 3}\n"),
            "x, line 2: must be a JSON object in UTF-8 with a list of \"messages\"");
  EXPECT_THAT(complaint(R"({"messages": [{"content": "a"}]})"), ::testing::HasSubstr("x, line 1: a message must be"));
  EXPECT_THAT(complaint(R"({"messages": [{"role": "user", "content": 3}]})"), ::testing::HasSubstr("content must be"));
  EXPECT_EQ(complaint(R"({"messages": []})"), "x: nobody says anything in it");
}

TEST(Workload, AFileOfConversationsIsKnownByItsContent) {
  const auto file = assets / "conversations/sgd-sample.jsonl";
  auto w = read_workload(file, 1, {{"conversations.count", "400"}, {"conversations.per_s", "10"}});
  EXPECT_EQ(w.conversations.size(), 400U);
  EXPECT_NEAR(static_cast<double>(w.conversations.back().turns[0].due_us) / 1e6, 40, 10);
  EXPECT_THAT(workload_keys(file), ::testing::Contains("conversations.bytes_per_token"));
  EXPECT_THAT(workload_keys(assets / "workloads/paper.toml"), ::testing::Contains("conversations.over_2k"));
}

TEST(Workload, AConversationOfATraceGoesOnWhereItsAnswerEnded) {
  const std::string heading = "user_id time_stamp(seconds) query_length response_length round_index\n";
  auto w = workload_of(*parse_trace(heading + "7 0 100 28 0\n8 1 5 5 0\n7 10 1 2 1\n", "x"), "x");
  ASSERT_EQ(w.conversations.size(), 2U);
  ASSERT_EQ(w.conversations[0].turns.size(), 2U);
  EXPECT_EQ(w.conversations[0].turns[0].said_tokens, 100U);
  EXPECT_EQ(w.conversations[0].turns[1].said_tokens, 1U);
  EXPECT_EQ(w.conversations[0].turns[1].due_us, 10'000'000);
  EXPECT_EQ(w.tokens_max(), 131U);
}

TEST(Workload, BlocksThatATraceTellsCannotBeChosen) {
  auto w = workload_of(
      *parse_trace(R"({"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [1, 2]})", "x"), "x");
  EXPECT_EQ(w.block_tokens, 512U);
  EXPECT_EQ(w.conversations[0].turns[0].blocks.size(), 2U);
  EXPECT_THAT(reason([&] { choose_blocks(w, 64); }), ::testing::HasSubstr("blocks of 512"));
  EXPECT_NO_THROW(choose_blocks(w, 512));
  EXPECT_THAT(reason([&] { choose_blocks(w, 100); }), ::testing::HasSubstr("multiple of 64"));
}

}  // namespace
}  // namespace chromatin::sim
