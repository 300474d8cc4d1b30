#include "sim/trace.hpp"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::sim {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string heading = "user_id time_stamp(seconds) query_length response_length round_index\n";

/// What the reader says to it; empty if it takes it.
std::string complaint(const std::string& text) {
  try {
    parse_trace(text, "trace");
    return {};
  } catch (const std::runtime_error& e) {
    return e.what();
  }
}

std::string mooncake_line(const std::string& at, const std::string& in, const std::string& out,
                          const std::string& ids) {
  return "{\"timestamp\": " + at + ", \"input_length\": " + in + ", \"output_length\": " + out +
         ", \"hash_ids\": " + ids + "}\n";
}

TEST(Trace, TheKindIsKnownByTheContent) {
  EXPECT_EQ(parse_trace(mooncake_line("0", "600", "10", "[0, 1]"), "x")->kind(), "mooncake");
  EXPECT_EQ(parse_trace(heading + "7 1 10 20 0\n", "x")->kind(), "interactive");
}

TEST(Trace, AMooncakeRequestGoesOnWithTheConversationOfItsDeepestSharedBlock) {
  auto t = parse_trace(mooncake_line("0", "1500", "10", "[0, 1, 2]") + mooncake_line("1000", "600", "10", "[0, 3]") +
                           mooncake_line("2500", "2000", "10", "[0, 1, 4, 5]"),
                       "x");
  const auto& r = t->requests();
  ASSERT_EQ(r.size(), 3U);
  EXPECT_NE(r[0].conversation, r[1].conversation) << "the head is everybody's";
  EXPECT_EQ(r[0].conversation, r[2].conversation);
  EXPECT_EQ(r[2].at_us, 2'500'000);
  std::vector<block> first, third;
  t->kept(0, first);
  t->reusable(2, third);
  ASSERT_EQ(third.size(), 4U);
  EXPECT_EQ(third[1].key, first[1].key);
  EXPECT_NE(third[2].key, first[2].key);
  EXPECT_EQ(third[2].tokens, 512U);
}

TEST(Trace, AnInteractiveHistoryIsCappedAtTheWindow) {
  auto t = parse_trace(heading + "7 1 100 20 0\n8 2 10 10 0\n7 50 1000 1000 1\n7 90 5 5 2\n", "x");
  std::vector<block> chain;
  auto counted = [&] {
    std::uint32_t sum = 0;
    for (const auto& b : chain) sum += b.counts;
    return sum;
  };
  t->reusable(0, chain);
  EXPECT_TRUE(chain.empty());
  t->reusable(2, chain);
  EXPECT_EQ(counted(), 120U);
  EXPECT_EQ(chain.size(), 2U);
  EXPECT_EQ(chain[1].tokens, 56U) << "the last chunk is partly filled";
  t->reusable(3, chain);
  EXPECT_EQ(counted(), 2048U) << "of 2120";
  EXPECT_EQ(chain.front().tokens, 64U);
  EXPECT_EQ(chain.front().counts, 56U) << "8 tokens of the first chunk are out of the window";
}

TEST(Trace, APartOfATraceMayBeginInTheMiddleOfAConversation) {
  auto t = parse_trace(heading + "7 1000 10 20 5\n7 1010 10 20 6\n", "x");
  std::vector<block> chain;
  t->reusable(1, chain);
  EXPECT_EQ(chain.front().counts, 30U);
}

TEST(Trace, WindowsLinesAndEmptyOnesAreTaken) {
  EXPECT_EQ(complaint(heading + "7 1 10 20 0\r\n\r\n\n8\t1 10  20 0"), "");
}

TEST(Trace, WhatIsWrongIsToldWithItsLine) {
  auto good = mooncake_line("0", "600", "10", "[0, 1]");
  struct {
    std::string text, says;
  } cases[] = {
      {good + "{\"timestamp\": 5,\n", "line 2: is not a JSON object"},
      {good + "[1]\n", "line 2: is not a JSON object"},
      {good + "{\"timestamp\": 5}\n", "line 2: has no \"input_length\""},
      {mooncake_line("-1", "600", "10", "[0, 1]"), "line 1: \"timestamp\" must be a number from 0"},
      {mooncake_line("1e300", "600", "10", "[0, 1]"), "line 1: \"timestamp\" must be a number from 0"},
      {mooncake_line("0", "\"600\"", "10", "[0, 1]"), "line 1: \"input_length\" must be a number"},
      {mooncake_line("0", "99999999999", "10", "[0, 1]"),
       "line 1: \"input_length\" must be a number from 0 to 67108864"},
      {mooncake_line("0", "600", "null", "[0, 1]"), "line 1: \"output_length\""},
      {mooncake_line("0", "600", "10", "7"), "line 1: has no list \"hash_ids\""},
      {mooncake_line("0", "600", "10", "[0, -1]"), "line 1: \"hash_ids\" must be whole numbers"},
      {mooncake_line("0", "600", "10", "[0, 1.5]"), "line 1: \"hash_ids\" must be whole numbers"},
      {mooncake_line("0", "600", "10", "[4, 4]"), "line 1: \"hash_ids\" has a block twice"},
      {mooncake_line("0", "6000", "10", "[4]"), "line 1: \"input_length\" 6000 makes 12 blocks"},
      {mooncake_line("9", "600", "10", "[0, 1]") + good, "line 2: is earlier than the line before it"},
      {heading + "1 2 3\n", "line 2: has not the five whole numbers"},
      {heading + "1 2 3 4 x\n", "line 2: has not the five whole numbers"},
      {heading + "1 2 3 -4 0\n", "line 2: has not the five whole numbers"},
      {heading + "1 2.5 3 4 0\n", "line 2: has not the five whole numbers"},
      {heading + "1 99999999999999999999 3 4 0\n", "line 2: has not the five whole numbers"},
      {heading + "1 2 3 4 0 6\n", "line 2: has more than the five numbers"},
      {heading + "1 2 999999999 4 0\n", "line 2: has a number that cannot be"},
      {heading + "1 5 3 4 0\n2 4 3 4 0\n", "line 3: is earlier than the line before it"},
      {heading + "1 5 3 4 0\n1 6 3 4 0\n", "line 3: round 0 of user 1 is not later"},
      {heading, "has no request"},
      {"", "is no trace that is known"},
      {"hello\n", "is no trace that is known"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(complaint(c.text), AllOf(HasSubstr("trace"), HasSubstr(c.says), testing::Not(HasSubstr("\n"))))
        << c.text;
}

TEST(Trace, AFileThatIsMissingAFolderOrCutShortIsTold) {
  auto folder = std::filesystem::path{testing::TempDir()};
  auto says = [](const std::filesystem::path& file) {
    try {
      read_trace(file);
      return std::string{};
    } catch (const std::runtime_error& e) {
      return std::string{e.what()};
    }
  };
  EXPECT_THAT(says(folder / "missing-trace"), HasSubstr("there is no such file"));
  EXPECT_THAT(says(folder), HasSubstr("is a folder"));
  auto whole = std::filesystem::path{CHROMATIN_SOURCE_DIR} / "tests/data/traces/mooncake_conversation.jsonl.gz";
  std::ifstream in{whole, std::ios::binary};
  std::string bytes(5000, '\0');
  in.read(bytes.data(), 5000);
  auto cut = folder / "cut-trace.gz";
  std::ofstream{cut, std::ios::binary} << bytes;
  EXPECT_THAT(says(cut), HasSubstr("cut short"));
  std::filesystem::remove(cut);
}

}  // namespace
}  // namespace chromatin::sim
