// What a client asks and gets.

#include <fstream>
#include <future>

#include <capnp/message.h>
#include <unistd.h>

#include "rpc/convert.hpp"
#include "tests/rpc/fixture.hpp"

namespace chromatin::rpc {
namespace {

using testing::HasSubstr;

class RpcServer : public rpc_fixture {};

std::string all_numbers() {
  std::string text;
  for (int i = 0; i < pieces; ++i) text += std::to_string(i) + " ";
  return text;
}

TEST_F(RpcServer, AnAnswerStreamsInOrderAndWholeOverBothKindsOfSocket) {
  for (const auto& address : start().addresses()) {
    SCOPED_TRACE(address);
    client c{address};
    auto conversation = c.open("talk");
    EXPECT_EQ(conversation.info().id, "default/talk");
    std::string streamed;
    auto report = conversation.say({.text = "hi",
                                    .sampling = {.temperature = 0.5f,
                                                 .stop = {"a", "b"},
                                                 .tokens_max = 7,
                                                 .min_p = 0.1f,
                                                 .less = {1.5f, 0.25f, 0.75f, 9},
                                                 .biases = {{3, 1.5f}}},
                                    .priority = 80,
                                    .keep = {70, 5'000'000}},
                                   [&](std::string_view piece) { streamed += piece; });
    EXPECT_EQ(streamed, all_numbers());
    EXPECT_EQ(report.text, streamed);
    EXPECT_EQ(report.server.dropped_tokens, 64u);
    EXPECT_EQ(report.server.hits, (hit_list{{"device", 8}, {"host", 9}, {"disk", 7}, {"shared", 3}}));
    EXPECT_GT(report.first_text_us, 0);
    EXPECT_LE(report.first_text_us, report.total_us);
    const auto& request = log->said.back();
    EXPECT_EQ(request.sampling.stop, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(request.sampling.tokens_max, 7u);
    EXPECT_FLOAT_EQ(request.sampling.temperature, 0.5f);
    EXPECT_FLOAT_EQ(request.sampling.min_p, 0.1f);
    EXPECT_FLOAT_EQ(request.sampling.less.repeat, 1.5f);
    EXPECT_FLOAT_EQ(request.sampling.less.presence, 0.25f);
    EXPECT_FLOAT_EQ(request.sampling.less.frequency, 0.75f);
    EXPECT_EQ(request.sampling.less.last_n, 9u);
    EXPECT_EQ(request.sampling.biases, (std::vector<model::token_bias>{{3, 1.5f}}));
    EXPECT_EQ(request.priority, 80);
    EXPECT_EQ(request.keep.priority, 70);
    EXPECT_EQ(request.keep.ttl_us, 5'000'000);
    EXPECT_TRUE(request.reuse);
  }
}

TEST_F(RpcServer, LikelihoodsComeBesideTheTextWhereTheyAreAskedFor) {
  client c{start().addresses()[0]};
  auto conversation = c.open("talk");
  EXPECT_TRUE(conversation.say({.text = "hi"}).likelihoods.empty());
  EXPECT_FALSE(log->said.back().sampling.likelihoods);
  auto report = conversation.say({.text = "hi", .sampling = {.tokens_max = 0, .likelihoods = 1}});
  EXPECT_EQ(log->said.back().sampling.likelihoods, 1u);
  ASSERT_EQ(report.likelihoods.size(), static_cast<std::size_t>(pieces));
  EXPECT_EQ(report.likelihoods[2].token, 2u);
  EXPECT_EQ(report.likelihoods[2].logarithm, -0.5f);
  ASSERT_EQ(report.likelihoods[2].likeliest.size(), 1u);
  EXPECT_EQ(report.likelihoods[2].likeliest[0], (std::pair<kv::token_id, float>{7, -0.25f}));
}

TEST_F(RpcServer, ConversationsCanBeForkedTruncatedAndForgotten) {
  client c{start().addresses()[0]};
  auto conversation = c.open("talk");
  c.open("instructed", "Be brief.");
  EXPECT_EQ(log->system_prompt, "Be brief.");
  EXPECT_EQ(conversation.truncate(17, 0.5).tokens, 17u);
  EXPECT_EQ(conversation.fork("copy").info().id, "copy");
  EXPECT_EQ(conversation.fork("copy").info().messages, all_messages);
  EXPECT_EQ(conversation.fork("copy", 3).info().messages, 3u);
  EXPECT_EQ(conversation.fork("").info().id.size(), 32u);
  conversation.forget();
  EXPECT_EQ(c.open().info().id.size(), std::string{"default/"}.size() + 32);
  auto stat = c.stat();
  EXPECT_THAT(stat.at(1).notes, testing::ElementsAre("b is out"));
  ASSERT_EQ(stat.size(), 3u);
  EXPECT_EQ(stat[2].part, "door");
  EXPECT_EQ(stat[0].values[1], (std::pair<std::string, std::int64_t>{"y", -2}));
}

TEST_F(RpcServer, ConversationsAreListedAndRead) {
  client c{start().addresses()[0]};
  auto all = c.list();
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[2].id, "2");
  EXPECT_EQ(all[2].last_role, "default") << "of this client's tenant";
  EXPECT_TRUE(all[1].damaged);
  EXPECT_FALSE(all[2].damaged);
  EXPECT_EQ(all[2].created_s, 1002);
  EXPECT_EQ(all[2].metadata, "{}");
  auto page = c.list("1", 2);
  ASSERT_EQ(page.size(), 2u);
  EXPECT_EQ(page[0].id, "2");
  EXPECT_TRUE(c.list("4").empty());
  auto said = c.open("talk").read(3, 10);
  EXPECT_EQ(said.total, 5u);
  ASSERT_EQ(said.messages.size(), 2u);
  EXPECT_EQ(said.messages[0].role, "assistant");
  EXPECT_EQ(said.messages[1].content, "message 4");
}

TEST_F(RpcServer, TicketsOfTheArchiveArriveWhole) {
  client c{start().addresses()[0]};
  const auto planned = c.archive("talk");
  EXPECT_EQ(planned.number, 7u);
  EXPECT_EQ(planned.id, "talk");
  EXPECT_EQ(planned.state, "planned");
  EXPECT_EQ(planned.left_s, 60);
  EXPECT_FALSE(planned.simulated);
  EXPECT_FALSE(planned.kv);
  EXPECT_TRUE(c.archive("talk", true).kv);
  EXPECT_TRUE(c.recall("talk").simulated);
  EXPECT_FALSE(c.recall("talk").kv);
  EXPECT_TRUE(c.recall("talk", true).kv);
  EXPECT_THAT(reason([&] { c.recall("missing"); }), HasSubstr("no_conversation"));
  const auto all = c.archives();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].reads, 600u);
  EXPECT_EQ(all[0].failure, "none");
  c.forget("talk");
}

TEST_F(RpcServer, AConversationIsOnlyMadeWhereThatIsWanted) {
  client c{start().addresses()[0]};
  EXPECT_EQ(c.find("talk").info().id, "default/talk");
  EXPECT_THAT(reason([&] { c.find("missing"); }), HasSubstr("no_conversation"));
}

TEST_F(RpcServer, MessagesSaidElsewhereComeWithTheTurn) {
  client c{start().addresses()[0]};
  auto conversation = c.open("talk");
  conversation.say({.text = "hi", .before = {{"system", "Be brief."}, {"user", "hello"}, {"assistant", "yes?"}}});
  const auto& before = log->said.back().before;
  ASSERT_EQ(before.size(), 3u);
  EXPECT_EQ(before[0].role, "system");
  EXPECT_EQ(before[2].content, "yes?");
}

TEST_F(RpcServer, AClientThatKnowsNoTierNamesStillGetsItsNumbers) {
  capnp::MallocMessageBuilder message;
  auto written = message.initRoot<schema::TurnStatistics>();
  write(turn_statistics{.hits = {{"shared", 3}, {"disk", 7}, {"device", 8}}}, written);
  EXPECT_EQ(written.getDeviceTokens(), 8u);
  EXPECT_EQ(written.getHostTokens(), 0u);
  EXPECT_EQ(written.getDiskTokens(), 7u);
  capnp::MallocMessageBuilder old;
  auto from_old_server = old.initRoot<schema::TurnStatistics>();
  from_old_server.setHostTokens(9);
  EXPECT_EQ(tokens_from(read(from_old_server).hits, "host"), 9u);
}

TEST_F(RpcServer, ManyClientsAtOnceEachGetTheirOwnAnswer) {
  auto address = start().addresses()[1];
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      client c{address};
      auto conversation = c.open("talk" + std::to_string(i));
      for (int turn = 0; turn < 10; ++turn) right += conversation.say({.text = "hi"}).text == all_numbers();
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(right, 80);
}

TEST_F(RpcServer, ErrorsArriveWithTheirReasonAndTheConversationGoesOn) {
  client c{start().addresses()[0]};
  EXPECT_EQ(reason([&] { c.open("missing"); }), "no_conversation: there is no conversation missing");
  auto conversation = c.open("talk");
  try {
    conversation.say({.text = "fail"});
    FAIL();
  } catch (const call_error& e) {
    EXPECT_STREQ(e.what(), "context_full: no room for this");
    EXPECT_EQ(e.code(), "context_full");
  }
  EXPECT_EQ(conversation.say({.text = "hi"}).text, all_numbers());
}

TEST_F(RpcServer, AClientThatVanishesMidAnswerCancelsItsTurn) {
  auto address = start().addresses()[0];
  auto child = std::thread{[&] {
    client c{address};
    auto conversation = c.open("talk");
    EXPECT_NE(
        reason([&] { conversation.say({.text = "slow"}, [](std::string_view) { throw std::runtime_error("gone"); }); }),
        "no error");
  }};
  child.join();
  wait_for([&] { return log->cancelled == 1; });
}

TEST_F(RpcServer, AConnectionThatBreaksMidAnswerCancelsItsTurn) {
  auto address = start().addresses()[0];
  auto child = ::fork();
  if (child == 0) {
    client c{address};
    auto conversation = c.open("talk");
    conversation.say({.text = "slow"});
    ::_exit(0);
  }
  wait_for([&] { return log->streaming == 1; });
  ::kill(child, SIGKILL);
  wait_for([&] { return log->cancelled == 1; });
}

TEST_F(RpcServer, StoppingTheServerEndsACallWithAnError) {
  auto call = turn_under_way(start().addresses()[0]);
  server_.reset();
  EXPECT_THAT(call.get(), HasSubstr("not_available"));
  wait_for([&] { return log->cancelled == 1; });
}

TEST_F(RpcServer, TokensDecideTheTenant) {
  auto address = start({.listen = {socket_address()},
                        .tokens = {.tenants = {{"secret-of-alice-0001", "alice"}, {"secret-of-bob-000001", "bob"}}}})
                     .addresses()[0];
  EXPECT_EQ(client(address, "secret-of-bob-000001").open("talk").info().id, "bob/talk");
  EXPECT_THAT(reason([&] { client c(address, "secret-of-alice-0002"); }), HasSubstr("unauthenticated"));
  EXPECT_THAT(reason([&] { client c(address); }), HasSubstr("unauthenticated"));
}

TEST_F(RpcServer, TheTokenFileIsChecked) {
  auto file = (folder / "tokens").string();
  std::ofstream{file} << "# who may talk\nsecret-of-alice-0001 alice\n\nsecret-of-bob-000001 bob # and bob\n";
  EXPECT_EQ(read_token_file(file).tenants.at("secret-of-bob-000001"), "bob");
  EXPECT_TRUE(read_token_file(file).operators.empty());
  std::ofstream{file} << "secret-of-alice-0001 alice operator\nsecret-of-bob-000001 bob\n";
  EXPECT_THAT(read_token_file(file).operators, testing::ElementsAre("secret-of-alice-0001"));
  std::ofstream{file} << "secret-of-alice-0001 alice boss\n";
  EXPECT_THAT(reason([&] { read_token_file(file); }), HasSubstr(":1:"));
  std::ofstream{file} << "secret-of-alice-0001 alice\nsecret-of-alice-0001 bob\n";
  EXPECT_THAT(reason([&] { read_token_file(file); }), HasSubstr(":2: this token stands in the file twice"));
  std::ofstream{file} << "secret-of-alice-0001 alice\nshort bob\n";
  EXPECT_THAT(reason([&] { read_token_file(file); }), HasSubstr(":2:"));
  EXPECT_THAT(reason([&] { read_token_file(file + "-missing"); }), HasSubstr("cannot be read"));
}

TEST_F(RpcServer, APartIsTakenOutAndPutBackByName) {
  client c{start().addresses()[0]};
  c.detach_part("disk-tier");
  c.detach_part("disk-tier");
  EXPECT_EQ(log->parts_left, 1);
  c.attach_part("disk-tier");
  EXPECT_EQ(log->parts_started, 1);
  for (bool away : {true, false})
    EXPECT_THAT(reason([&] { away ? c.detach_part("disk") : c.attach_part("disk"); }),
                testing::AllOf(HasSubstr("invalid_argument"), HasSubstr("these can: disk-tier")));
}

}  // namespace
}  // namespace chromatin::rpc
