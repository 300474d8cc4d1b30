#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/replay/report_html.hpp"
#include "apps/replay/summary.hpp"
#include "apps/replay/table.hpp"

namespace chromatin::replay {
namespace {

using testing::HasSubstr;

std::vector<sitting> read(const std::string& text, std::size_t limit = 0) {
  std::istringstream in{text};
  return read_conversations(in, "file", limit);
}

TEST(Workload, UserTurnsAreTakenAndStrungTogether) {
  std::string line =
      R"({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]})";
  auto conversations = read(line + "\n\n" + line + "\n" + line + "\n");
  ASSERT_EQ(conversations.size(), 3u);
  auto sittings = string_together(conversations, 2);
  ASSERT_EQ(sittings.size(), 2u);
  EXPECT_EQ(sittings[0].user_turns, (std::vector<std::string>{"a", "c", "a", "c"}));
  EXPECT_EQ(read(line + "\n" + line, 1).size(), 1u);
}

TEST(Workload, ABadLineIsNamed) {
  auto reason = [](const std::string& text) {
    try {
      read(text);
    } catch (const std::runtime_error& e) {
      return std::string{e.what()};
    }
    return std::string{"no error"};
  };
  EXPECT_THAT(reason("{\"messages\": []}\n{oops\n"), HasSubstr("file:2"));
  EXPECT_THAT(reason("{\"messages\": [{\"role\": 5}]}"), HasSubstr("a message needs"));
  EXPECT_THAT(reason("{\"messages\": [{\"role\": \"user\"}]}"), HasSubstr("a message needs"));
  EXPECT_THAT(reason("{\"messages\": [{\"role\": \"user\", \"content\": [1]}]}"), HasSubstr("a message needs"));
  EXPECT_THAT(reason("[{\"messages\": 3}]"), HasSubstr("file, conversation 1"));
  EXPECT_THAT(reason(""), HasSubstr("holds no conversation"));
}

TEST(Workload, OpenAIsMessagesAreTakenAsTheyAre) {
  reading what;
  std::istringstream in{
      R"({"messages": [{"role": "system", "content": "Be kind."}, {"role": "assistant", "content": "Hi!"}, )"
      R"({"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "this?"}]}, )"
      R"({"role": "assistant", "content": null, "tool_calls": []}, {"role": "tool", "content": "a cat"}, )"
      R"({"role": "assistant", "content": [{"type": "text", "text": "A cat."}]}, {"role": "system", "content": "Be brief."}, )"
      R"({"role": "user", "content": "Thanks"}], "tools": []})"
      "\r\n"
      R"({"custom_id": "1", "method": "POST", "body": {"model": "m", "messages": [{"role": "developer", "content": "d"}, {"role": "user", "content": "u"}]}})"};
  auto all = read_conversations(in, "file", 0, &what);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].system, "Be kind.");
  EXPECT_EQ(all[0].user_turns, (std::vector<std::string>{"What is\nthis?", "Thanks"}));
  EXPECT_EQ(all[0].recorded, (std::vector<std::string>{"A cat.", ""}));
  EXPECT_EQ(all[1].system, "d");
  EXPECT_EQ(what.left_out, (std::map<std::string, std::size_t>{{"answers before the first user message", 1},
                                                               {"image_url parts", 1},
                                                               {"later system messages", 1},
                                                               {"messages without text", 1},
                                                               {"tool messages", 1}}));
  EXPECT_EQ(describe(what, false),
            "2 conversations, 3 user turns, 2 system prompts; 1 recorded answers not used; left out: 1 answers before "
            "the first user message, 1 image_url parts, 1 later system messages, 1 messages without text, 1 tool "
            "messages");
  auto sittings = string_together(std::move(all), 2, &what);
  ASSERT_EQ(sittings.size(), 1u);
  EXPECT_EQ(sittings[0].system, "Be kind.");
  EXPECT_EQ(sittings[0].recorded.size(), 3u);
  EXPECT_EQ(what.left_out["system prompts of conversations that were strung to others"], 1u);
}

TEST(Workload, AFileMayBeOneValue) {
  const std::string one = R"({"messages": [
    {"role": "user", "content": "a"}]})";
  EXPECT_EQ(read(one).size(), 1u);
  EXPECT_EQ(read("[" + one + ",\n" + one + "]").size(), 2u);
  EXPECT_EQ(read("[" + one + ",\n" + one + "]", 1).size(), 1u);
  EXPECT_EQ(read(R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])").size(), 1u);
}

TEST(CommandLine, CanBeTypedAgainAndKeepsTokensToItself) {
  EXPECT_EQ(command_line({"replay", "my file.jsonl", "--join=2", "--token", "secret-1", "--token=secret-2", "it's"}),
            "chromatin replay 'my file.jsonl' --join=2 --token … --token=… 'it'\\''s'");
  EXPECT_EQ(command_line({"replay", ""}), "chromatin replay ''");
}

turn_record turn(std::uint32_t sitting, std::uint32_t number, double ms, const std::string& text) {
  turn_record t{sitting, number, static_cast<std::int64_t>(ms * 1000), {}, text};
  t.statistics.prompt_tokens = 100;
  t.statistics.computed_tokens = 10;
  t.statistics.hits = {{"device", 40}, {"host", 30}, {"disk", 15}, {"shared", 5}};
  return t;
}

TEST(Summary, AddsUpAndSeparatesTheLaterTurns) {
  run_result run{.turns = {turn(0, 1, 10, "a"), turn(0, 5, 20, "b"), turn(1, 6, 40, "c")}, .wall_s = 2};
  auto s = summarise(run);
  EXPECT_EQ(s.prompt_tokens, 300u);
  EXPECT_DOUBLE_EQ(s.reused_share(), 0.9);
  EXPECT_DOUBLE_EQ(s.ttft_ms.mean, 70.0 / 3);
  EXPECT_DOUBLE_EQ(s.ttft_ms_turn5_on.mean, 30);
  EXPECT_DOUBLE_EQ(s.prompt_tokens_per_s(), 150);
  auto json = to_json(s);
  EXPECT_EQ(json["hit_tokens"]["disk"], 45);
  EXPECT_EQ(json["hit_tokens"]["shared"], 15) << "a tier by its name";
  EXPECT_EQ(json["ttft_ms"]["p50"], 20);
}

TEST(Summary, PercentilesAreNearestRanks) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  auto d = distribution_of(values);
  EXPECT_EQ(d.p50, 50);
  EXPECT_EQ(d.p99, 99);
  EXPECT_EQ(distribution_of({}).mean, 0);
  EXPECT_EQ(distribution_of({7}).p99, 7);
}

TEST(Summary, AnswersAreComparedAsLongAsHistoriesAreTheSame) {
  run_result a{.turns = {turn(0, 1, 1, "x"), turn(0, 2, 1, "y"), turn(0, 3, 1, "z"), turn(1, 1, 1, "u")}};
  run_result b{.turns = {turn(0, 1, 1, "x"), turn(0, 2, 1, "OTHER"), turn(0, 3, 1, "z"), turn(1, 1, 1, "u")}};
  auto same = compare(a, b);
  EXPECT_EQ(same.all, 4u);
  EXPECT_EQ(same.same_of_all, 3u);
  EXPECT_EQ(same.comparable, 3u);  // the third turn had another history
  EXPECT_EQ(same.same, 2u);
}

TEST(Report, IsOnePageWithChartsAndEscapesItsTitle) {
  run_result run{.turns = {turn(0, 1, 10, "a"), turn(0, 2, 20, "b")}, .wall_s = 2};
  auto page = report_html(&run, &run,
                          {.title = "<file>",
                           .read = "2 conversations",
                           .made = "2024-05-01 12:00 UTC",
                           .version = "9.9.9",
                           .machine = "a processor, 2 cores",
                           .command = "chromatin replay 'a&b'"});
  EXPECT_THAT(page, testing::AllOf(HasSubstr("<svg"), HasSubstr("&lt;file&gt;"), testing::Not(HasSubstr("http")),
                                   HasSubstr("</html>")));
  EXPECT_THAT(page, HasSubstr("The same answer in 2 of 2 turns"));
  EXPECT_THAT(page, HasSubstr("2024-05-01 12:00 UTC · chromatin 9.9.9 · a processor, 2 cores"));
  EXPECT_THAT(page, testing::AllOf(HasSubstr("2 conversations"), HasSubstr("<code>chromatin replay 'a&amp;b'</code>")));
  EXPECT_THAT(report_html(nullptr, &run, {}), testing::Not(HasSubstr("without reuse")));
  run_result empty;
  EXPECT_THAT(report_html(&empty, nullptr, {}), HasSubstr("</html>"));
}

TEST(Workload, TheBundledConversationsAreReadWhole) {
  auto count = [](const std::string& name) {
    auto file = std::string{CHROMATIN_SOURCE_DIR} + "/assets/conversations/" + name;
    std::ifstream in{file};
    return read_conversations(in, file, 0).size();
  };
  EXPECT_EQ(count("sgd-sample.jsonl"), 120u);
  EXPECT_EQ(count("taskmaster4-sample.jsonl"), 40u);
}

TEST(Table, ShowsTheChangeOnlyWithBothRuns) {
  auto s = summarise({.turns = {turn(0, 1, 10, "a")}, .wall_s = 1});
  EXPECT_THAT(text_table(&s, &s), HasSubstr("+0.0%"));
  EXPECT_THAT(text_table(nullptr, &s), testing::Not(HasSubstr("%\n")));
}

}  // namespace
}  // namespace chromatin::replay
