// Tiers that are taken out of a server and put back while it answers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
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

}  // namespace
}  // namespace chromatin::test
