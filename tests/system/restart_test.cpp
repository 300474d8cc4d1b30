// The real binary, a real disk: stopped, killed while it saves, started again.

#include <fstream>
#include <future>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> restarted_talk{
    "I want to book a table for dinner.", "In San Jose please, something Italian.",
    "For two people at half past seven.", "What is their address?",
    "Do they have live music?",           "Yes, please make the reservation."};

rpc::turn_report say(rpc::conversation& c, const std::string& text) {
  return c.say({.text = text, .sampling = {.tokens_max = 24}});
}

/// What a server that is never disturbed answers.
const std::vector<std::string>& undisturbed() {
  static const auto answers = [] {
    temporary_folder folder;
    server_process server{folder.path(), {"--compute", "f32"}};
    rpc::client client{server.address()};
    auto conversation = client.open("talk");
    std::vector<std::string> all;
    for (const auto& text : restarted_talk) all.push_back(say(conversation, text).text);
    return all;
  }();
  return answers;
}

TEST(Restart, AConversationGoesOnFromTheDisk) {
  temporary_folder folder;
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < restarted_talk.size(); ++i) {
    server_process server{folder.path(), {"--compute", "f32"}};
    rpc::client client{server.address()};
    auto conversation = client.open("talk");
    auto report = say(conversation, restarted_talk[i]);
    answers.push_back(report.text);
    if (i > 0) {
      EXPECT_GT(tokens_from(report.server.hits, "disk"), 0u) << server.said();
      EXPECT_LT(report.server.computed_tokens, 30u);
    }
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  }
  EXPECT_EQ(answers, undisturbed());
}

TEST(Restart, ATruncatedWindowGoesOnFromTheDisk) {
  auto play = [](bool restarts) {
    temporary_folder folder;
    std::vector<std::string> answers;
    std::uint32_t dropped = 0, truncated_turns = 0;
    std::unique_ptr<server_process> server;
    for (int turn = 0; turn < 16; ++turn) {
      bool fresh = !server || (restarts && turn % 5 == 0);
      if (fresh) {
        if (server) server->stop(SIGTERM);
        server.reset();
        server = std::make_unique<server_process>(folder.path(),
                                                  std::vector<std::string>{"--compute", "f32", "--context", "192"});
      }
      rpc::client client{server->address()};
      auto conversation = client.open("talk");
      auto report = say(conversation, restarted_talk[static_cast<std::size_t>(turn) % restarted_talk.size()]);
      answers.push_back(report.text);
      dropped += report.server.dropped_tokens;
      truncated_turns += report.server.dropped_tokens > 0;
      EXPECT_LT(report.server.computed_tokens, 40u) << "turn " << turn << ", of " << report.server.prompt_tokens << "\n"
                                                    << server->said();
      if (fresh && turn > 0) {
        EXPECT_GT(tokens_from(report.server.hits, "disk"), 0u) << "turn " << turn;
      }
    }
    EXPECT_GE(truncated_turns, 2u);
    EXPECT_EQ(dropped % 64, 0u);
    return answers;
  };
  EXPECT_EQ(play(true), play(false));
}

TEST(Restart, KilledWhileSavingNoChunkIsWrongAndTheAnswersAreThoseOfAnUndisturbedRun) {
  temporary_folder folder;
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < restarted_talk.size(); ++i) {
    server_process server{folder.path(), {"--compute", "f32", "--verify"}};
    rpc::client client{server.address()};
    auto others = std::thread{[&] {  // more that is being saved when the process is killed
      try {
        rpc::client c{server.address()};
        auto other = c.open();
        for (int turn = 0; turn < 50; ++turn)
          say(other, restarted_talk[static_cast<std::size_t>(turn) % restarted_talk.size()]);
      } catch (const rpc::call_error&) {
      }
    }};
    auto conversation = client.open("talk");
    answers.push_back(say(conversation, restarted_talk[i]).text);
    for (const auto& part : client.stat())
      for (const auto& [name, value] : part.values) EXPECT_TRUE(name != "corrupt_chunks" || value == 0) << value;
    server.stop(SIGKILL);
    others.join();
  }
  EXPECT_EQ(answers, undisturbed());
}

TEST(Restart, AStopSettlesTheAnswersUnderWayAndAnswersTheirCalls) {
  temporary_folder folder;
  server_process server{folder.path(), {"--compute", "f32", "--device-mem", "64M", "--drain", "0"}};
  std::atomic<int> streaming{0};
  std::vector<std::future<rpc::turn_report>> calls;
  for (int c = 0; c < 4; ++c)
    calls.push_back(std::async(std::launch::async, [&, c] {
      rpc::client client{server.address()};
      auto conversation = client.open("talk" + std::to_string(c));
      bool first = true;
      return conversation.say({.text = restarted_talk[0], .sampling = {.temperature = 100, .tokens_max = 60000}},
                              [&](std::string_view) { streaming += std::exchange(first, false); });
    }));
  while (streaming < 4) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  server_process again{folder.path(), {"--compute", "f32"}};
  rpc::client client{again.address()};
  for (int c = 0; c < 4; ++c) {
    auto report = calls[static_cast<std::size_t>(c)].get();
    auto all = client.find("talk" + std::to_string(c)).read(0);
    ASSERT_EQ(all.messages.size(), 2u);
    EXPECT_EQ(all.messages[1].role, "assistant");
    EXPECT_EQ(all.messages[1].content, report.text) << "what the client has is what is kept";
  }
}

TEST(Restart, AStopLetsAnAnswerComeToItsEndAndASecondSignalDoesNot) {
  temporary_folder folder;
  auto ask = [&](server_process& server, std::uint32_t tokens, std::atomic<bool>& streaming) {
    return std::async(std::launch::async, [&server, &streaming, tokens]() -> std::string {
      rpc::client client{server.address()};
      auto conversation = client.open("talk" + std::to_string(tokens));
      try {
        auto report =
            conversation.say({.text = restarted_talk[0], .sampling = {.temperature = 100, .tokens_max = tokens}},
                             [&](std::string_view) { streaming = true; });
        return report.server.stopped == stop_reason::cancelled ? "cancelled" : "whole";
      } catch (const rpc::call_error& e) {
        return e.code();
      }
    });
  };
  std::atomic<bool> streaming{false};
  server_process server{folder.path(), {"--compute", "f32", "--drain", "60"}};
  auto call = ask(server, 600, streaming);
  while (!streaming) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  EXPECT_NE(call.get(), "cancelled");

  streaming = false;
  server_process again{folder.path(), {"--compute", "f32", "--drain", "600"}};
  auto lost = ask(again, 60000, streaming);
  while (!streaming) std::this_thread::sleep_for(std::chrono::milliseconds{1});
  again.signal(SIGTERM);
  while (again.said().find("stopping") == std::string::npos) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  EXPECT_TRUE(WIFSIGNALED(again.stop(SIGTERM)));
  EXPECT_EQ(lost.get(), "not_available");
}

TEST(Restart, AHangupReadsTheTokensAgain) {
  temporary_folder folder;
  auto tokens = folder.path() / "tokens";
  std::ofstream{tokens} << "secret-of-alice-0001 alice\n";
  server_process server{folder.path(), {"--tokens", tokens.string()}};
  rpc::client(server.address(), "secret-of-alice-0001").open("talk");
  std::ofstream{tokens} << "secret-of-bob-000001 bob\n";
  server.signal(SIGHUP);
  while (server.said().find("read again") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  EXPECT_THROW(rpc::client(server.address(), "secret-of-alice-0001"), rpc::call_error);
  rpc::client bob{server.address(), "secret-of-bob-000001"};
  std::ofstream{tokens} << "nonsense\n";
  server.signal(SIGHUP);
  while (server.said().find("nothing was read again") == std::string::npos)
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  bob.open("talk");
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
}

/// A command whose temporary folder this is, interrupted when something is in it; what it ended with.
int interrupt(const std::filesystem::path& folder, std::vector<std::string> words) {
  words.insert(words.begin(), CHROMATIN_BINARY);
  auto pid = ::fork();
  if (pid == 0) {
    ::setenv("TMPDIR", folder.c_str(), 1);
    [[maybe_unused]] auto* out = std::freopen("/dev/null", "w", stdout);
    [[maybe_unused]] auto* err = std::freopen("/dev/null", "w", stderr);
    std::vector<char*> argv;
    for (auto& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  while (std::filesystem::is_empty(folder)) std::this_thread::sleep_for(std::chrono::milliseconds{5});
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

TEST(Restart, AReplayOrABenchThatIsInterruptedLeavesNothingBehind) {
  const std::string talk = CHROMATIN_SOURCE_DIR "/assets/conversations/sgd-sample.jsonl";
  temporary_folder work;
  for (const std::vector<std::string>& words : {std::vector<std::string>{"replay", "--compute", "f32", talk},
                                                {"bench", "loading", "--work", work.path().string()},
                                                {"bench", "dna", "--only", "speed"}}) {
    SCOPED_TRACE(words[0] + " " + words[1]);
    temporary_folder folder;
    auto at = words[1] == "loading" ? work.path() : folder.path();
    EXPECT_EQ(WEXITSTATUS(interrupt(at, words)), 128 + SIGINT);
    EXPECT_TRUE(std::filesystem::is_empty(at));
  }
}

TEST(Restart, KilledInMidAnswerNoMessageIsLeftUnanswered) {
  temporary_folder folder;
  {
    server_process server{folder.path(), {"--compute", "f32"}};
    std::atomic<bool> streaming{false};
    auto call = std::async(std::launch::async, [&] {
      rpc::client client{server.address()};
      auto conversation = client.open("talk");
      say(conversation, restarted_talk[0]);
      try {
        conversation.say({.text = restarted_talk[1], .sampling = {.temperature = 100, .tokens_max = 60000}},
                         [&](std::string_view) { streaming = true; });
      } catch (const rpc::call_error&) {
      }
    });
    while (!streaming) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    server.stop(SIGKILL);
  }
  server_process server{folder.path(), {"--compute", "f32"}};
  rpc::client client{server.address()};
  auto conversation = client.find("talk");
  EXPECT_EQ(conversation.info().messages, 2u);
  EXPECT_EQ(conversation.info().last_role, "assistant");
  EXPECT_EQ(say(conversation, restarted_talk[1]).text, undisturbed()[1]);
}

TEST(Restart, ASecondServerOnTheSameFolderIsRefused) {
  temporary_folder folder;
  server_process first{folder.path()};
  temporary_folder elsewhere;
  server_process second{elsewhere.path(), {"--disk", (folder / "store").string()}};
  for (int i = 0; i < 500 && !second.ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_TRUE(second.ended());
  EXPECT_THAT(second.said(), HasSubstr("in use by process"));
  EXPECT_NE(second.status(), 0);
}

TEST(Commands, ConversationsAreListedAndShown) {
  temporary_folder folder;
  server_process server{folder.path()};
  {
    rpc::client client{server.address()};
    auto conversation = client.open("talk");
    say(conversation, restarted_talk[0]);
  }
  auto output = [&](const std::string& arguments) {
    std::string out;
    auto* pipe = ::popen(
        (std::string{CHROMATIN_BINARY} + " " + arguments + " --server " + server.address() + " 2>&1").c_str(), "r");
    for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
    ::pclose(pipe);
    return out;
  };
  EXPECT_THAT(output("conversations"), testing::AllOf(HasSubstr("talk"), HasSubstr("2 messages")));
  EXPECT_THAT(output("chat --list"), HasSubstr("talk"));
  EXPECT_THAT(output("conversations --json"),
              testing::AllOf(HasSubstr("\"id\": \"talk\""), HasSubstr("\"messages\": 2")));
  EXPECT_THAT(output("conversations talk"), HasSubstr("user: " + restarted_talk[0]));
  EXPECT_THAT(output("conversations talk --json"), HasSubstr("\"role\": \"assistant\""));
  EXPECT_THAT(output("conversations nobody"), HasSubstr("chromatin: no_conversation"));
  EXPECT_EQ(output("conversations").find("nobody"), std::string::npos) << "asking makes none";
}

TEST(Commands, ErrorsAreOneLineOnStderrAndANonZeroExit) {
  auto run = [](const std::string& arguments) {
    std::string out;
    auto* pipe = ::popen((std::string{CHROMATIN_BINARY} + " " + arguments + " 2>&1 >/dev/null").c_str(), "r");
    for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
    return std::pair{::pclose(pipe), out};
  };
  for (auto arguments : {"serve --model /nowhere", "replay /nowhere.jsonl", "stat --server unix:/nowhere",
                         "serve --device-mem 1K", "serve --listen 0.0.0.0:0", "conversations --server unix:/nowhere",
                         "chat --list --server unix:/nowhere", "serve --secret-file /nowhere"}) {
    auto [status, text] = run(arguments);
    EXPECT_NE(status, 0) << arguments;
    EXPECT_TRUE(text.starts_with("chromatin: ")) << arguments << ": " << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << arguments << ": " << text;
  }
  for (auto command : {"", "serve", "chat", "conversations", "replay", "stat", "make-checkpoint"})
    EXPECT_EQ(run(std::string{command} + " --help").first, 0);
}

std::int64_t counter(rpc::client& client, const std::string& part, const std::string& name) {
  for (const auto& p : client.stat())
    for (const auto& [what, value] : p.values)
      if (p.part == part && what == name) return value;
  return -1;
}

TEST(Restart, WhatManyTurnsWaitForIsReadFromTheDiskOnce) {
  constexpr int users = 12;
  const std::vector<std::string> options{"--compute", "f32", "--batch", "3", "--host-mem", "32M", "--scrub", "0"};
  temporary_folder folder;
  // Each user says something else, so that no chunk is shared but the first.
  auto say_all = [&](const server_process& server, int turn) {
    std::vector<std::future<std::int64_t>> turns;
    for (int user = 0; user < users; ++user)
      turns.push_back(std::async(std::launch::async, [&server, user, turn] {
        rpc::client client{server.address()};
        auto conversation = client.open("talk-" + std::to_string(user));
        std::string text = "User " + std::to_string(user) + ", turn " + std::to_string(turn) + ": ";
        for (const auto& more : restarted_talk) text += more + ' ';
        auto report = say(conversation, text).server;
        return std::int64_t{report.prompt_tokens} - report.computed_tokens;
      }));
    std::int64_t reused_tokens = 0;
    for (auto& t : turns) reused_tokens += t.get();
    return reused_tokens;
  };
  {
    server_process server{folder.path(), options};
    for (int turn = 0; turn < 3; ++turn) say_all(server, turn);
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
  }
  server_process server{folder.path(), options};
  rpc::client client{server.address()};
  auto token_bytes = counter(client, "disk-tier", "used_bytes") / counter(client, "disk-tier", "chunks") / 64;
  auto reused_bytes = say_all(server, 3) * token_bytes;
  auto read_bytes = counter(client, "disk-tier", "bytes_read");
  EXPECT_GT(reused_bytes, 0);
  if (counter(client, "scheduler", "load_failures") > 0 || counter(client, "disk-tier", "late_orders") > 0)
    GTEST_SKIP() << "the machine was so slow that loads were given up";
  EXPECT_NEAR(static_cast<double>(read_bytes) / static_cast<double>(reused_bytes), 1, 0.1) << "tails in whole blocks";
}

}  // namespace
}  // namespace chromatin::test
