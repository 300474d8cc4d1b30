// The real binary, a real disk: stopped, killed while it saves, started again.

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/client.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

/// A server process of its own.
class server_process {
 public:
  server_process(const std::filesystem::path& folder, std::vector<std::string> more = {})
      : log_{folder / "log"}, address_{"unix:" + (folder / "socket").string()} {
    std::vector<std::string> words{CHROMATIN_BINARY, "serve", "--socket",     (folder / "socket").string(),
                                   "--disk-size",    "64M",   "--device-mem", "8M",
                                   "--host-mem",     "8M"};
    if (std::find(more.begin(), more.end(), "--disk") == more.end())
      words.insert(words.end(), {"--disk", (folder / "store").string()});
    words.insert(words.end(), more.begin(), more.end());
    std::filesystem::remove(log_);
    pid_ = ::fork();
    if (pid_ == 0) {
      [[maybe_unused]] auto* redirected = std::freopen(log_.c_str(), "w", stderr);
      std::vector<char*> argv;
      for (auto& w : words) argv.push_back(w.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    for (int i = 0; i < 3000 && !exited() && log().find("listening") == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  ~server_process() { stop(SIGKILL); }

  int stop(int signal) {
    if (pid_ <= 0) return status_;
    ::kill(pid_, signal);
    ::waitpid(pid_, &status_, 0);
    pid_ = 0;
    return status_;
  }
  bool exited() {
    if (pid_ > 0 && ::waitpid(pid_, &status_, WNOHANG) == pid_) pid_ = 0;
    return pid_ == 0;
  }
  int status() const { return status_; }
  std::string log() const {
    std::stringstream text;
    text << std::ifstream{log_}.rdbuf();
    return text.str();
  }
  const std::string& address() const { return address_; }

 private:
  std::filesystem::path log_;
  std::string address_;
  pid_t pid_ = 0;
  int status_ = 0;
};

const std::vector<std::string> said{"I want to book a table for dinner.", "In San Jose please, something Italian.",
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
    for (const auto& text : said) all.push_back(say(conversation, text).text);
    return all;
  }();
  return answers;
}

TEST(Restart, AConversationGoesOnFromTheDisk) {
  temporary_folder folder;
  std::vector<std::string> answers;
  for (std::size_t i = 0; i < said.size(); ++i) {
    server_process server{folder.path(), {"--compute", "f32"}};
    rpc::client client{server.address()};
    auto conversation = client.open("talk");
    auto report = say(conversation, said[i]);
    answers.push_back(report.text);
    if (i > 0) {
      EXPECT_GT(report.server.hit_tokens[2], 0u) << server.log();
      EXPECT_LT(report.server.computed_tokens, 30u);
    }
    EXPECT_EQ(server.stop(SIGTERM), 0) << server.log();
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
      auto report = say(conversation, said[static_cast<std::size_t>(turn) % said.size()]);
      answers.push_back(report.text);
      dropped += report.server.dropped_tokens;
      truncated_turns += report.server.dropped_tokens > 0;
      EXPECT_LT(report.server.computed_tokens, 40u) << "turn " << turn;
      if (fresh && turn > 0) {
        EXPECT_GT(report.server.hit_tokens[2], 0u) << "turn " << turn;
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
  for (std::size_t i = 0; i < said.size(); ++i) {
    server_process server{folder.path(), {"--compute", "f32"}};
    rpc::client client{server.address()};
    auto others = std::thread{[&] {  // more that is being saved when the process is killed
      try {
        rpc::client c{server.address()};
        auto other = c.open();
        for (int turn = 0; turn < 50; ++turn) say(other, said[static_cast<std::size_t>(turn) % said.size()]);
      } catch (const rpc::call_error&) {
      }
    }};
    auto conversation = client.open("talk");
    answers.push_back(say(conversation, said[i]).text);
    for (const auto& part : client.stat())
      for (const auto& [name, value] : part.values) EXPECT_TRUE(name != "corrupt_chunks" || value == 0) << value;
    server.stop(SIGKILL);
    others.join();
  }
  EXPECT_EQ(answers, undisturbed());
}

TEST(Restart, ASecondServerOnTheSameFolderIsRefused) {
  temporary_folder folder;
  server_process first{folder.path()};
  temporary_folder elsewhere;
  server_process second{elsewhere.path(), {"--disk", (folder / "store").string()}};
  for (int i = 0; i < 500 && !second.exited(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_TRUE(second.exited());
  EXPECT_THAT(second.log(), HasSubstr("in use by process"));
  EXPECT_NE(second.status(), 0);
}

TEST(Restart, AFolderOfAnotherModelIsRefused) {
  temporary_folder folder;
  { server_process{folder.path(), {"--compute", "f32"}}.stop(SIGTERM); }
  auto status = std::system((std::string{CHROMATIN_BINARY} + " make-checkpoint --shape concierge --seed 5 " +
                             (folder / "model").string() + " > /dev/null")
                                .c_str());
  ASSERT_EQ(status, 0);
  server_process other{folder.path(), {"--compute", "f32", "--model", (folder / "model").string()}};
  for (int i = 0; i < 500 && !other.exited(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
  EXPECT_TRUE(other.exited());
  EXPECT_THAT(other.log(), HasSubstr("another model"));
  EXPECT_THAT(other.log(), testing::Not(HasSubstr("terminate")));
}

TEST(Commands, ErrorsAreOneLineOnStderrAndANonZeroExit) {
  auto run = [](const std::string& arguments) {
    std::string out;
    auto* pipe = ::popen((std::string{CHROMATIN_BINARY} + " " + arguments + " 2>&1 >/dev/null").c_str(), "r");
    for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
    return std::pair{::pclose(pipe), out};
  };
  for (auto arguments : {"serve --model /nowhere", "replay /nowhere.jsonl", "stat --server unix:/nowhere",
                         "serve --device-mem 1K", "serve --listen 0.0.0.0:0"}) {
    auto [status, text] = run(arguments);
    EXPECT_NE(status, 0) << arguments;
    EXPECT_TRUE(text.starts_with("chromatin: ")) << arguments << ": " << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << arguments << ": " << text;
  }
  for (auto command : {"", "serve", "chat", "replay", "stat", "make-checkpoint"})
    EXPECT_EQ(run(std::string{command} + " --help").first, 0);
}

}  // namespace
}  // namespace chromatin::test
