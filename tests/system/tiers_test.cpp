// Tiers that are taken out of a server and put back while it answers. `SECONDS=60 test_system --gtest_filter='Tiers.*'`
// gives the figures of docs/faults.md.

#include <atomic>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/environment.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

/// What turns of one conversation are answered, and between them `change` is told the number of the next.
template <class Change>
std::vector<std::string> answers(const server_process& server, Change change) {
  rpc::client client{server.address()};
  auto conversation = client.open("talk");
  std::vector<std::string> texts;
  for (int turn = 0; turn < 8; ++turn) {
    change(client, turn);
    texts.push_back(conversation.say({.text = "Tell me of the sea, please.", .sampling = {.tokens_max = 40}}).text);
  }
  return texts;
}

std::vector<std::string> notes(rpc::client& client) {
  for (const auto& part : client.stat())
    if (part.part == "supervisor") return part.notes;
  return {"no supervisor"};
}

TEST(Tiers, TakenOutAndPutBackUnderTurnsTheyChangeNoAnswer) {
  const std::vector<std::string> options{"--compute", "f32", "--context", "256"};
  temporary_folder calm, folder;
  server_process sound{calm.path(), options};
  server_process server{folder.path(), options};
  auto expected = answers(sound, [](rpc::client&, int) {});
  auto told = answers(server, [](rpc::client& client, int turn) {
    if (turn == 1) client.detach_part("host-tier");
    if (turn == 2) {
      ASSERT_EQ(notes(client).size(), 1u);
      EXPECT_THAT(notes(client)[0], HasSubstr("host-tier is out: an operator took it out"));
      client.detach_part("disk-tier");
    }
    if (turn == 3) client.attach_part("host-tier");
    if (turn == 4) client.attach_part("disk-tier");
    if (turn == 5) client.detach_part("disk-tier");
    if (turn == 6) client.detach_part("prefetcher");
    if (turn == 7) {
      client.attach_part("disk-tier");
      client.attach_part("prefetcher");
      EXPECT_TRUE(notes(client).empty());
    }
  });
  EXPECT_EQ(told, expected);
  EXPECT_EQ(server.stop(SIGTERM), 0);
}

/// Times until the first text of turns that users have for so long; `errors` counts those that failed.
std::vector<double> first_texts_ms(const server_process& server, double seconds, bool reuse, std::atomic<int>& errors) {
  std::mutex mutex;
  std::vector<double> all;
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>{seconds};
  auto talk = [&](int user) {
    rpc::client client{server.address()};
    for (int n = 0; std::chrono::steady_clock::now() < end; ++n) {
      auto conversation = client.open("talk-" + std::to_string(user) + "-" + std::to_string(n));
      for (int turn = 0; turn < 6; ++turn) try {
          auto said = conversation.say({.text = "I would like to book a table for two at the sea, with a view, please.",
                                        .sampling = {.tokens_max = 8},
                                        .reuse = reuse});
          std::lock_guard lock{mutex};
          all.push_back(static_cast<double>(said.first_text_us) / 1e3);
        } catch (const rpc::call_error&) {
          ++errors;
        }
    }
  };
  {
    std::vector<std::jthread> users;
    for (int user = 0; user < 3; ++user) users.emplace_back(talk, user);
  }
  std::ranges::sort(all);
  return all;
}

TEST(Tiers, TakenOutUnderLoadNoTurnFails) {
  const auto seconds = number_from("SECONDS", 2.0);
  const std::vector<std::string> options{"--device-mem", "3M", "--host-mem", "4M"};
  temporary_folder folder;
  server_process server{folder.path(), options};
  std::atomic<int> errors = 0, changes = 0;
  auto recomputed = first_texts_ms(server, seconds / 2, false, errors);
  std::vector<double> reused;
  {
    std::jthread operate{[&](const std::stop_token& stop) {
      rpc::client client{server.address()};
      for (; !stop.stop_requested(); ++changes) {
        auto part = changes % 2 ? "host-tier" : "disk-tier";
        client.detach_part(part);
        std::this_thread::sleep_for(std::chrono::milliseconds{150});
        client.attach_part(part);
        std::this_thread::sleep_for(std::chrono::milliseconds{150});
      }
    }};
    reused = first_texts_ms(server, seconds, true, errors);
  }
  auto p99 = [](const std::vector<double>& sorted) { return sorted.at(sorted.size() * 99 / 100); };
  std::printf("tiers taken out %d times: %zu turns, %d failed; first text after %.1f ms (p99), recomputing %.1f ms\n",
              changes.load(), reused.size(), errors.load(), p99(reused), p99(recomputed));
  EXPECT_EQ(errors, 0);
  EXPECT_GE(changes, 2);
  if (seconds >= 30) {
    EXPECT_LE(p99(reused), p99(recomputed));
  }
  EXPECT_EQ(server.stop(SIGTERM), 0);
}

}  // namespace
}  // namespace chromatin::test
