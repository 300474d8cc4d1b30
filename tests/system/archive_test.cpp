// The real binary with an archive: a conversation goes into simulated DNA and comes back, whenever the server is
// killed.

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/schedule_line.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

const std::vector<std::string> archived_talk{"I want to book a table for dinner.",
                                             "In San Jose please, something Italian.",
                                             "For two people at half past seven."};

std::string say(rpc::client& client, const std::string& id, const std::string& text) {
  return client.open(id).say({.text = text, .sampling = {.tokens_max = 24}}).text;
}
std::string why_not(const std::function<void()>& call) {
  try {
    call();
    return "it can";
  } catch (const rpc::call_error& e) {
    return e.what();
  }
}

class archiving_server {
 public:
  /// `time`: that each thing takes. Without any, states pass too fast to be seen.
  explicit archiving_server(const std::filesystem::path& folder, const std::string& time = "1s",
                            const std::vector<std::string>& more = {})
      : process_{folder, options(folder, time, more)}, client{process_.address()} {}

  /// Until the last job of the conversation is there, or past it; its state then.
  std::string wait_for(const std::string& state) {
    const std::vector<std::string> archive{"planned", "ordered", "stored"},
        recall{"asked", "sequencing", "decoded", "settled"};
    const auto& order = std::ranges::find(archive, state) != archive.end() ? archive : recall;
    for (int i = 0; i < 12000; ++i) {  // the laboratory takes what others leave of the processor
      const auto now = client.archives().back();
      EXPECT_EQ(now.failure, "") << process_.said();
      const auto at = std::ranges::find(order, now.state);
      if (at != order.end() && at >= std::ranges::find(order, state)) return now.state;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    ADD_FAILURE() << "it does not come to " << state << ":\n" << process_.said();
    return {};
  }
  void kill() { process_.stop(SIGKILL); }

 private:
  static std::vector<std::string> options(const std::filesystem::path& folder, const std::string& time,
                                          const std::vector<std::string>& more) {
    std::vector<std::string> all{"--compute",        "f32", "--dna",           folder / "dna",
                                 "--dna-pool",       time,  "--dna-synthesis", time,
                                 "--dna-sequencing", time};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  server_process process_;

 public:
  rpc::client client;
};

bool is_here(rpc::client& client, const std::string& id) {
  const auto all = client.list();
  return std::ranges::any_of(all, [&](const auto& one) { return one.id == id; });
}

void wait_until_gone(rpc::client& client, const std::string& id) {
  for (int i = 0; i < 500 && is_here(client, id); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{10});
}

TEST(Archive, AConversationGoesIntoDnaAndComesBackWithTheSameTokens) {
  temporary_folder folder;
  archiving_server server{folder.path(), "0s"};
  auto& client = server.client;
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(say(client, "talk", archived_talk[i]), say(client, "twin", archived_talk[i]));
  EXPECT_EQ(client.archive("talk").state, "planned");
  server.wait_for("stored");
  wait_until_gone(client, "talk");
  EXPECT_FALSE(is_here(client, "talk"));
  EXPECT_THAT(why_not([&] { say(client, "talk", archived_talk[2]); }),
              testing::AllOf(HasSubstr("archived: recall 2 of the conversation talk is asked"),
                             HasSubstr("(simulated)"), HasSubstr("[retry_after_ms=")));
  EXPECT_EQ(client.recall("talk").number, 2u);
  server.wait_for("settled");
  EXPECT_EQ(say(client, "talk", archived_talk[2]), say(client, "twin", archived_talk[2]));
}

TEST(Archive, AServerThatIsKilledInAnyStateGoesOnWithIt) {
  temporary_folder folder;
  {
    archiving_server server{folder.path()};
    say(server.client, "talk", archived_talk[0]);
    say(server.client, "twin", archived_talk[0]);
    server.client.archive("talk");
    server.kill();
  }
  for (const auto* state : {"planned", "ordered", "stored"}) {
    archiving_server server{folder.path()};
    server.wait_for(state);
    server.kill();
  }
  {
    archiving_server server{folder.path()};
    wait_until_gone(server.client, "talk");
    EXPECT_THAT(why_not([&] { server.client.open("talk"); }), HasSubstr("archived: recall 2"));
    server.kill();
  }
  for (const auto* state : {"asked", "sequencing", "settled"}) {
    archiving_server server{folder.path()};
    server.wait_for(state);
    server.kill();
  }
  archiving_server server{folder.path()};
  EXPECT_EQ(say(server.client, "talk", archived_talk[1]), say(server.client, "twin", archived_talk[1]));
  EXPECT_EQ(server.client.archives().size(), 2u) << "nothing was begun twice";
}

TEST(Archive, WhatTheScheduleWantsSoonComesBackThoughNobodyAsks) {
  temporary_folder folder;
  {
    archiving_server server{folder.path(), "0s"};
    for (const auto* id : {"talk", "twin"}) say(server.client, id, archived_talk[0]);
    server.client.archive("talk");
    server.wait_for("stored");
    wait_until_gone(server.client, "talk");
    EXPECT_FALSE(is_here(server.client, "talk"));
  }
  const auto schedule = (folder / "recalls").string();
  const auto soon = std::chrono::system_clock::now() + std::chrono::seconds{55};  // less than a minute: at the start
  std::ofstream{schedule} << "# soon\n"
                          << schedule_line(std::chrono::floor<std::chrono::seconds>(soon), "default", "talk");
  archiving_server server{folder.path(), "0s", {"--dna-schedule", schedule}};
  for (int i = 0; i < 1000 && server.client.archives().size() < 2; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  server.wait_for("settled");
  EXPECT_EQ(say(server.client, "talk", archived_talk[1]), say(server.client, "twin", archived_talk[1]));
}

TEST(Archive, AScheduleThatCannotBeReadEndsTheStart) {
  temporary_folder folder;
  const auto schedule = (folder / "recalls").string();
  std::ofstream{schedule} << "2026-12-01T09:00:00Z default talk\ntomorrow default talk\n";
  server_process server{folder.path(), {"--dna", folder / "dna", "--dna-schedule", schedule}};
  EXPECT_NE(server.wait_for_end(), 0);
  EXPECT_THAT(server.said(), HasSubstr(schedule + ": line 2: it begins with no time like 2026-12-01T09:00:00Z"));
}

TEST(Archive, APolicyThatLearnsNothingOfReturnsIsRefusedWhereTheyAreToBeForeseen) {
  temporary_folder folder;
  server_process server{folder.path(), {"--dna", folder / "dna", "--dna-expect", "0.5", "--policy", "lru"}};
  EXPECT_NE(server.wait_for_end(), 0);
  EXPECT_THAT(server.said(), HasSubstr("--dna-expect needs --policy predictive"));
}

TEST(Archive, NeedsAFolderForItsKeys) {
  temporary_folder folder;
  server_process server{folder.path(), {"--disk", "", "--dna", folder / "dna"}};
  EXPECT_NE(server.wait_for_end(), 0);
  EXPECT_THAT(server.said(), HasSubstr("--dna needs --disk"));
}

}  // namespace
}  // namespace chromatin::test
