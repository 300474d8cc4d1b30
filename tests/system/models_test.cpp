// Several models, one after the other, on one folder.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/client.hpp"
#include "tests/support/shell.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string long_text =
    "I need a taxi to the airport for four people at six in the morning, a table for two at half past seven and a "
    "wake-up call before that, please, and somebody who carries our bags down to the door of the house.";

rpc::turn_report say_briefly(rpc::conversation& c, const std::string& text) {
  return c.say({.text = text, .sampling = {.tokens_max = 8}});
}

/// What a server with these options does for a while.
template <class Work>
void with_server(const temporary_folder& folder, const std::vector<std::string>& options, Work work) {
  server_process server{folder.path(), options};
  {
    rpc::client client{server.address()};
    work(client, server);
  }
  EXPECT_EQ(server.stop(SIGTERM), 0) << server.said();
}

TEST(Models, ConversationsOfOneModelAreListedReadAndGoOnWithAnother) {
  temporary_folder folder;
  const auto model = (folder / "model").string();
  auto made = outcome_of(std::string{CHROMATIN_BINARY} + " make-checkpoint --shape qwen2-tiny --seed 1 " + model);
  ASSERT_EQ(made.status, 0) << made.text;
  const std::vector<std::string> first{"--compute", "f32"}, second{"--model", model, "--compute", "bf16"};
  std::string answer;
  with_server(folder, first, [&](rpc::client& client, server_process& server) {
    for (auto id : {"talk", "kept"}) {
      auto conversation = client.open(id);
      answer = say_briefly(conversation, long_text).text;
    }
    EXPECT_THAT(server.said(), testing::Not(HasSubstr("is kept beside it")));
  });
  with_server(folder, second, [&](rpc::client& client, server_process& server) {
    EXPECT_THAT(server.said(), AllOf(HasSubstr("the cache of concierge, f32 ("), HasSubstr("--drop-cache"),
                                     HasSubstr("0 chunks and 2 conversations found")));
    EXPECT_EQ(client.list().size(), 2u);
    auto conversation = client.open("talk");
    EXPECT_EQ(conversation.read(0).messages.at(1).content, answer);
    auto report = say_briefly(conversation, "And now?");
    EXPECT_EQ(tokens_from(report.server.hits, "disk"), 0u);
    EXPECT_EQ(conversation.read(0).messages.size(), 4u);
  });
  with_server(folder, first, [&](rpc::client& client, server_process& server) {
    EXPECT_THAT(server.said(), HasSubstr("the cache of model, bf16 ("));
    auto kept = client.open("kept"), talk = client.open("talk");
    EXPECT_GT(tokens_from(say_briefly(kept, "And now?").server.hits, "disk"), 64u) << "its own cache is there";
    std::uint32_t found = 0;
    for (const auto& hit : say_briefly(talk, "Back again?").server.hits) found += hit.tokens;
    EXPECT_GT(found, 0u) << "as far as it was said before";
    EXPECT_EQ(talk.read(0).messages.size(), 6u);
  });
  auto fsck = outcome_of(std::string{CHROMATIN_BINARY} + " fsck " + (folder / "store").string());
  EXPECT_EQ(fsck.status, 0) << fsck.text;
  EXPECT_THAT(fsck.text, AllOf(HasSubstr("cache of concierge, f32"), HasSubstr("cache of model, bf16")));
}

TEST(Models, OneModelInTwoTypesHasTwoCachesAndTheSameConversations) {
  temporary_folder folder;
  with_server(folder, {"--compute", "f32"}, [&](rpc::client& client, server_process&) {
    auto conversation = client.open("talk");
    say_briefly(conversation, long_text);
  });
  with_server(folder, {"--compute", "bf16"}, [&](rpc::client& client, server_process& server) {
    EXPECT_THAT(server.said(), HasSubstr("the cache of concierge, f32"));
    auto conversation = client.open("talk");
    auto report = say_briefly(conversation, "And now?");
    EXPECT_GT(report.server.computed_tokens, 64u) << "tokens stay, keys and values of another type do not serve";
  });
}

}  // namespace
}  // namespace chromatin::test
