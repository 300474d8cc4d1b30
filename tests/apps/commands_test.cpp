// What every command has in common: how it names mistakes, and what it says where no server answers; and the counters
// of a real server.

#include <fstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "tests/support/pty_process.hpp"
#include "tests/support/shell.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

outcome errors_of(const std::string& arguments) {
  return shell(std::string{CHROMATIN_BINARY} + " " + arguments + " 2>&1 >/dev/null </dev/null");
}

/// That these arguments are refused in one line, which says this.
void expect_refused(const std::string& arguments, const std::string& says) {
  auto [status, text] = errors_of(arguments);
  EXPECT_NE(status, 0) << arguments;
  EXPECT_THAT(text, HasSubstr(says));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Commands, AMistypedOneIsNamedWithTheNearest) {
  for (const auto& [arguments, meant] :
       std::vector<std::pair<std::string, std::string>>{{"serv", "there is no command serv; did you mean serve?"},
                                                        {"simualte --flat", "simualte; did you mean simulate?"},
                                                        {"dna inti", "there is no command inti; did you mean init?"},
                                                        {"bench polices", "did you mean policies?"},
                                                        {"banana", "there is no command banana (--help"},
                                                        {"", "A subcommand is required"}})
    expect_refused(arguments, meant);
}

TEST(Commands, AMistypedOptionIsNamedWithTheNearest) {
  for (const auto& [arguments, says] : std::vector<std::pair<std::string, std::string>>{
           {"stat --jsn", "not expected: --jsn; did you mean --json?"},
           {"chat --temprature 1", "not expected: --temprature 1; did you mean --temperature?"},
           {"chat --temprature=1", "not expected: --temprature=1; did you mean --temperature?"},
           {"serve these words", "not expected: these words (--help"},
           {"stat --banana", "not expected: --banana (--help"}})
    expect_refused(arguments, says);
}

TEST(Commands, WhatAConfigShouldNotHaveIsNamedWithTheNearest) {
  temporary_folder folder;
  auto file = folder.path() / "config";
  for (const auto& [content, says] : std::vector<std::pair<std::string, std::string>>{
           {"[serve]\ncontxt = 128\n", "a key contxt in [serve], which is no option; did you mean context?"},
           {"[serve]\nbanana = 1\n", "a key banana in [serve], which is no option (--help"},
           {"[srve]\ncontext = 128\n", "a section [srve], which is no command; did you mean serve?"},
           {"context = 128\n", "cannot be understood at: context; options stand below [serve]"},
           {"[serve\n", "cannot be understood at: [serve;"}}) {
    std::ofstream{file} << content;
    expect_refused("serve --config " + file.string(), says);
  }
}

TEST(Commands, TheServerAloneKnowsServeAndNothingElse) {
  auto alone = std::string{CHROMATIN_BINARY} + "-serve ";
  EXPECT_EQ(outcome_of(alone + "serve --help").text, outcome_of(std::string{CHROMATIN_BINARY} + " serve --help").text);
  EXPECT_THAT(outcome_of(alone + "chat").text, HasSubstr("there is no command chat"));
}

TEST(Commands, WhereNoServerAnswersTheWayOutIsNamed) {
  auto file = std::string{CHROMATIN_SOURCE_DIR} + "/assets/conversations/taskmaster4-sample.jsonl";
  for (const auto& command :
       {std::string{"chat"}, std::string{"chat --list"}, std::string{"conversations"}, std::string{"stat"},
        std::string{"top"}, std::string{"tier detach disk-tier"}, "replay " + file})
    for (const auto* address : {"unix:/nowhere", "127.0.0.1:1"}) {
      auto [status, text] = errors_of(command + " --server " + address);
      EXPECT_EQ(status, 1) << command;
      EXPECT_THAT(text, HasSubstr(std::string{"no server answers at "} + address));
      EXPECT_TRUE(text.ends_with("; start one with \"chromatin serve\"\n")) << command << ": " << text;
    }
}

TEST(Commands, AnAddressThatIsNoneIsSaidInWords) {
  EXPECT_THAT(errors_of("stat --server 127.0.0.1:99999").text, HasSubstr(" (a port is a number up to 65535); "));
  EXPECT_THAT(errors_of("stat --server no-such-host.invalid").text,
              testing::AllOf(HasSubstr("no server answers at no-such-host.invalid ("),
                             testing::Not(HasSubstr("params")), testing::Not(HasSubstr("DNS lookup failed"))));
}

TEST(Commands, TheAddressOfAnotherProtocolIsNotWaitedForAgainAndAgain) {
  temporary_folder folder;
  server_process server{folder.path(), {"--http", "127.0.0.1:0", "--login-within", "1.5"}};
  auto there = server.wait_for("OpenAI's interface on http://", std::chrono::seconds{30}).value_or("/");
  auto [status, text] = errors_of("stat --server " + there.substr(0, there.find('/')));
  EXPECT_EQ(status, 1);
  EXPECT_THAT(text, HasSubstr("is this an address of --listen, and not of --http?"));
}

TEST(Inspect, SaysInWordsAndAsJsonWhatWasUnderstood) {
  auto command = std::string{CHROMATIN_BINARY} + " inspect " CHROMATIN_SOURCE_DIR "/assets/concierge";
  auto words = shell(command);
  EXPECT_EQ(words.status, 0);
  EXPECT_THAT(words.text, testing::AllOf(HasSubstr("LlamaForCausalLM: 6 layers of 256"), HasSubstr("4096 tokens"),
                                         HasSubstr("    <|user|>\n    How are you?</s>\n")));
  auto found = nlohmann::json::parse(shell(command + " --json --context 128").text);
  EXPECT_EQ(found["context"], 128);
  EXPECT_EQ(found["cache_bytes_per_token"]["f32"], 6 * 2 * 2 * 64 * 4);
  EXPECT_EQ(found["ends_of_answer"][0]["text"], "</s>");
  EXPECT_THAT(words.text, testing::ContainsRegex("--host-mem    .* [0-9]+ of 1000 tokens stay warm"));
  auto memory = nlohmann::json::parse(
      shell(command +
            " --json --backend cpu --compute f32 --threads 2 --device-mem 24M --host-mem 48M --disk-size 480M")
          .text)["memory"];
  EXPECT_EQ(memory["window_bytes"], 1024 * 6 * 2 * 2 * 64 * 4);
  EXPECT_EQ(memory["device_mem"]["full_windows"], 4);
  EXPECT_EQ(memory["host_mem"]["full_windows"], 8);
  EXPECT_EQ(memory["disk_size"]["full_windows"], 80);
  EXPECT_EQ(memory["host_mem"]["conversations_of_1000_tokens"], 8);
  EXPECT_EQ(memory["batch"], 16);
  auto shortened =
      nlohmann::json::parse(shell(command + " --json --backend cpu --compute f32 --device-mem 3M").text)["memory"];
  EXPECT_EQ(shortened["context"], 512);
  EXPECT_THAT(shortened["notices"].dump(), HasSubstr("the context of 1024 is shortened"));
  EXPECT_THAT(shell(command + " --backend cpu --compute f32 --device-mem 1K").text,
              HasSubstr("serve refuses these options"));
  auto [status, text] = errors_of("inspect /nowhere");
  EXPECT_EQ(status, 1);
  EXPECT_THAT(text, testing::StartsWith("chromatin: /nowhere: no such folder or file"));
}

TEST(Inspect, WordsAndNumbersThatAnOptionDoesNotTakeAreRefused) {
  const std::pair<const char*, const char*> wrong[]{{"--weights q3", "--weights: \"q3\" is none of int8, model, q4"},
                                                    {"--compute f16", "--compute: \"f16\" is none of auto, bf16, f32"},
                                                    {"--backend x", "--backend: \"x\" is none of auto, cpu, cuda"},
                                                    {"--batch 0x10", "--batch: Value 0x10 not in range 1 to 1024"},
                                                    {"--batch 0", "--batch: Value 0 not in range 1 to 1024"}};
  for (const auto& [arguments, meant] : wrong) expect_refused(std::string{"inspect "} + arguments, meant);
}

TEST(Inspect, WhatAnErrorRepeatsCannotMoveTheCursorOrEndTheLine) {
  auto text = errors_of("inspect \"$(printf '/no\\033[31m\\nwhere')\"").text;
  EXPECT_THAT(text, testing::StartsWith("chromatin: /no\\x1b[31m\\nwhere: no such folder or file"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Stat, EachSampleIsALineOfJsonWithRatesFromTheSecondOn) {
  temporary_folder folder;
  server_process server{folder.path()};
  auto command = std::string{CHROMATIN_BINARY} + " stat --json --every 0.05 --server " + server.address();
  auto [status, text] = shell(command + " 2>/dev/null | head -n 2");
  std::istringstream lines{text};
  std::string first, second;
  ASSERT_TRUE(std::getline(lines, first) && std::getline(lines, second)) << text;
  auto a = nlohmann::json::parse(first), b = nlohmann::json::parse(second);
  EXPECT_EQ(a["host-tier"]["capacity_bytes"], b["host-tier"]["capacity_bytes"]);
  EXPECT_FALSE(a["scheduler"].contains("answer_tokens_per_s"));
  EXPECT_EQ(b["scheduler"]["answer_tokens_per_s"], 0);
  EXPECT_GT(b["sample"]["since_last_s"], 0);
}

TEST(Top, DrawsAgainUntilQIsTypedAndLeavesTheTerminalAsItWas) {
  temporary_folder folder;
  server_process server{folder.path()};
  pty_process top{{"top", "--every", "0.1", "--server", server.address()}};
  for (int frame = 0; frame < 3; ++frame) {
    ASSERT_TRUE(top.sees("chromatin top · " + server.address().substr(0, 20))) << top.shown();
    ASSERT_TRUE(top.sees("parts   all are up")) << top.shown();
  }
  EXPECT_THAT(top.shown(), HasSubstr("disk "));
  top.type("q");
  EXPECT_EQ(top.wait_for_end(), 0);
  EXPECT_THAT(top.shown(), testing::EndsWith("\033[?25h\033[?1049l"));
}

TEST(Top, ControlCLeavesToo) {
  temporary_folder folder;
  server_process server{folder.path()};
  pty_process top{{"top", "--every", "100", "--server", server.address()}};
  ASSERT_TRUE(top.sees("all are up")) << top.shown();
  top.type("\x03");
  EXPECT_EQ(top.wait_for_end(), 0);
  EXPECT_THAT(top.shown(), testing::EndsWith("\033[?1049l"));
}

TEST(Top, IsOneFrameWithoutMarksWhereNobodyLooks) {
  temporary_folder folder;
  server_process server{folder.path()};
  auto [status, text] = shell(std::string{CHROMATIN_BINARY} + " top --every 0.1 --server " + server.address());
  EXPECT_EQ(status, 0);
  EXPECT_THAT(text, HasSubstr("all are up"));
  EXPECT_THAT(text, testing::Not(HasSubstr("\033")));
  EXPECT_THAT(text, HasSubstr("0.0 steps/s")) << "rates are known";
}

}  // namespace
}  // namespace chromatin::test
