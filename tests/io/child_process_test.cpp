#include "io/child_process.hpp"

#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

using std::chrono::seconds;

struct ChildProcess : testing::Test {
  std::unique_ptr<child_process> shell(const std::string& commands) const {
    return std::make_unique<child_process>(std::vector<std::string>{"/bin/sh", "-c", commands}, folder.path() / "log");
  }
  test::temporary_folder folder;
};

TEST_F(ChildProcess, WhatItSaysOnEitherStreamIsWaitedFor) {
  auto one = shell("echo starting; echo listening on here >&2; exec sleep 600");
  EXPECT_EQ(one->wait_for("listening on ", seconds{30}), "here");
  EXPECT_EQ(one->said(), "starting\nlistening on here\n");
  EXPECT_FALSE(one->ended());
  EXPECT_GT(one->resident_bytes(), 0U);
  EXPECT_EQ(WTERMSIG(one->stop(SIGTERM)), SIGTERM);
  EXPECT_TRUE(one->ended());
}

TEST_F(ChildProcess, WhoEndsWithoutTheMarkIsNotWaitedFor) {
  auto one = shell("echo sorry; exit 3");
  EXPECT_EQ(one->wait_for("listening on ", seconds{600}), std::nullopt);
  EXPECT_EQ(WEXITSTATUS(one->status()), 3);
}

TEST_F(ChildProcess, TheWordsOfAnEarlierOneAreNotTakenForItsOwn) {
  shell("echo listening on here")->wait_for("here", seconds{30});
  EXPECT_EQ(shell("exit 0")->wait_for("listening on ", seconds{600}), std::nullopt);
}

TEST_F(ChildProcess, AProgramThatIsNotThereEndsWithAStatusOfItsOwn) {
  child_process one{{folder.path() / "nothing"}, folder.path() / "log"};
  EXPECT_EQ(one.wait_for("listening on ", seconds{600}), std::nullopt);
  EXPECT_EQ(WEXITSTATUS(one.status()), 127);
}

TEST_F(ChildProcess, SignalsThatAreBlockedHereReachIt) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto one = shell("echo listening; exec sleep 600");
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  one->wait_for("listening", seconds{30});
  EXPECT_EQ(WTERMSIG(one->stop(SIGTERM)), SIGTERM);
}

TEST_F(ChildProcess, ItGoesWithTheThreadThatStartedIt) {
  std::unique_ptr<child_process> one;
  std::thread{[&] {
    one = shell("echo listening; exec sleep 600");
    one->wait_for("listening", seconds{30});
  }}.join();
  EXPECT_EQ(one->wait_for("a word that does not come", seconds{20}), std::nullopt);
  EXPECT_EQ(WTERMSIG(one->status()), SIGKILL);
}

}  // namespace
}  // namespace chromatin::io
