// A real server on real sockets, the real client, and a gateway that is a second behaviour of the same interface.

#include <fstream>
#include <future>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "rpc/client.hpp"
#include "rpc/server.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::rpc {
namespace {

using testing::HasSubstr;

/// What the fake gateway saw.
struct seen {
  std::atomic<int> cancelled{0};
  std::atomic<int> streaming{0};
  std::mutex mutex;
  std::vector<say_request> said;
  std::string system_prompt;  ///< of the last conversation that was opened
};

constexpr int pieces = 200;

/// Streams numbers; "slow" goes on until it is cancelled, "fail" answers with an error, a tenant "other" knows nothing.
gateway_actor::behavior_type fake_gateway(gateway_actor::pointer self, std::shared_ptr<seen> log) {
  auto running = std::make_shared<std::map<turn_id, caf::typed_response_promise<turn_statistics>>>();
  return {
      [=](atom::open, const conversation_ref& which,
          const std::string& system_prompt) -> caf::result<conversation_info> {
        log->system_prompt = system_prompt;
        if (which.id == "missing") return caf::make_error(ec::no_conversation, "there is no conversation missing");
        return conversation_info{which.tenant + "/" + which.id, 1, 10, 1024, 2};
      },
      [=](atom::say, const say_request& request, std::shared_ptr<token_sink> sink) -> caf::result<turn_statistics> {
        {
          std::lock_guard lock{log->mutex};
          log->said.push_back(request);
        }
        if (request.text == "fail") return caf::make_error(ec::context_full, "no room for this");
        if (request.text == "slow") {
          ++log->streaming;
          sink->text("first ");
          return running->emplace(request.turn, self->make_response_promise<turn_statistics>()).first->second;
        }
        for (int i = 0; i < pieces; ++i) sink->text(std::to_string(i) + " ");
        return turn_statistics{.prompt_tokens = 30,
                               .computed_tokens = 6,
                               .hit_tokens = {8, 9, 7},
                               .answer_tokens = pieces,
                               .dropped_tokens = 64};
      },
      [=](atom::cancel, turn_id id) {
        if (auto node = running->extract(id); !node.empty()) {
          ++log->cancelled;
          node.mapped().deliver(caf::make_error(ec::cancelled, "the client went away"));
        }
      },
      [](atom::truncate, const conversation_ref& which, std::uint32_t protect, double) {
        return conversation_info{which.id, 2, protect, 1024, 2};
      },
      [](atom::fork, const conversation_ref&, const std::string& id) {
        return conversation_info{id, 1, 10, 1024, 2};
      },
      [](atom::forget, const conversation_ref&) {},
      [](atom::stats) {
        return counters{"gateway", {{"turns", 5}}};
      },
  };
}

telemetry_actor::behavior_type fake_telemetry() {
  return {
      [](atom::stats) {
        return std::vector<counters>{{"a", {{"x", 1}, {"y", -2}}}, {"b", {}}};
      },
      [](atom::attach, const std::string&, const caf::strong_actor_ptr&) {},
  };
}

struct config : caf::actor_system_config {
  config() { set("scheduler.policy", caf::atom("sharing")); }
};

class RpcServer : public testing::Test {
 protected:
  RpcServer() {
    gateway = system.spawn(fake_gateway, log);
    telemetry = system.spawn(fake_telemetry);
  }
  ~RpcServer() override {
    server_.reset();
    caf::anon_send_exit(gateway, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(telemetry, caf::exit_reason::user_shutdown);
  }

  std::string socket_address(const char* name = "socket") { return "unix:" + (folder / name).string(); }
  server& start(server_options options = {}) {
    if (options.listen.empty()) options.listen = {socket_address(), "127.0.0.1:0"};
    server_ = std::make_unique<server>(system, gateway, telemetry, options);
    return *server_;
  }
  std::string reason(const std::function<void()>& what) {
    try {
      what();
    } catch (const std::exception& e) {
      return e.what();
    }
    return "no error";
  }
  void wait_for(const std::function<bool()>& what) {
    for (int i = 0; i < 2000 && !what(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    EXPECT_TRUE(what());
  }

  test::temporary_folder folder;
  std::shared_ptr<seen> log = std::make_shared<seen>();
  config config_;
  caf::actor_system system{config_};
  gateway_actor gateway;
  telemetry_actor telemetry;
  std::unique_ptr<server> server_;
};

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
    auto report = conversation.say(
        {.text = "hi", .sampling = {.temperature = 0.5f, .stop = {"a", "b"}, .tokens_max = 7}, .priority = 80},
        [&](std::string_view piece) { streamed += piece; });
    EXPECT_EQ(streamed, all_numbers());
    EXPECT_EQ(report.text, streamed);
    EXPECT_EQ(report.server.dropped_tokens, 64u);
    EXPECT_EQ(report.server.hit_tokens, (std::array<std::uint32_t, 3>{8, 9, 7}));
    EXPECT_GT(report.first_text_us, 0);
    EXPECT_LE(report.first_text_us, report.total_us);
    const auto& request = log->said.back();
    EXPECT_EQ(request.sampling.stop, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(request.sampling.tokens_max, 7u);
    EXPECT_FLOAT_EQ(request.sampling.temperature, 0.5f);
    EXPECT_EQ(request.priority, 80);
    EXPECT_TRUE(request.reuse);
  }
}

TEST_F(RpcServer, ConversationsCanBeForkedTruncatedAndForgotten) {
  client c{start().addresses()[0]};
  auto conversation = c.open("talk");
  c.open("instructed", "Be brief.");
  EXPECT_EQ(log->system_prompt, "Be brief.");
  EXPECT_EQ(conversation.truncate(17, 0.5).tokens, 17u);
  EXPECT_EQ(conversation.fork("copy").info().id, "copy");
  EXPECT_EQ(conversation.fork("").info().id.size(), 32u);
  conversation.forget();
  EXPECT_EQ(c.open().info().id.size(), std::string{"default/"}.size() + 32);
  auto stat = c.stat();
  ASSERT_EQ(stat.size(), 2u);
  EXPECT_EQ(stat[0].values[1], (std::pair<std::string, std::int64_t>{"y", -2}));
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
  auto address = start().addresses()[0];
  auto call = std::async(std::launch::async, [&] {
    client c{address};
    auto conversation = c.open("talk");
    return reason([&] { conversation.say({.text = "slow"}); });
  });
  wait_for([&] { return log->streaming == 1; });
  server_.reset();
  EXPECT_THAT(call.get(), HasSubstr("not_available"));
  wait_for([&] { return log->cancelled == 1; });
}

TEST_F(RpcServer, TokensDecideTheTenant) {
  auto address = start({.listen = {socket_address()},
                        .tokens = {{"secret-of-alice-0001", "alice"}, {"secret-of-bob-000001", "bob"}}})
                     .addresses()[0];
  EXPECT_EQ(client(address, "secret-of-bob-000001").open("talk").info().id, "bob/talk");
  EXPECT_THAT(reason([&] { client c(address, "secret-of-alice-0002"); }), HasSubstr("unauthenticated"));
  EXPECT_THAT(reason([&] { client c(address); }), HasSubstr("unauthenticated"));
}

TEST_F(RpcServer, WithoutTokensOnlyThisMachineIsListenedTo) {
  EXPECT_THAT(reason([&] { start({.listen = {"0.0.0.0:0"}}); }),
              testing::AllOf(HasSubstr("--tokens"), HasSubstr("127.0.0.1")));
  EXPECT_THAT(reason([&] { start({.listen = {"nonsense"}}); }), HasSubstr("HOST:PORT"));
}

TEST_F(RpcServer, ASecondServerOnOneSocketIsRefusedAndALeftOverSocketReplaced) {
  start();
  EXPECT_THAT(reason([&] { server second(system, gateway, telemetry, {.listen = {socket_address()}}); }),
              HasSubstr("another server"));
  auto left_over = folder / "left-over";
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  left_over.string().copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ::close(fd);
  server replaced(system, gateway, telemetry, {.listen = {socket_address("left-over")}});
  EXPECT_EQ(client(socket_address("left-over")).open("talk").info().tokens, 10u);
  struct stat status {};
  ::stat(left_over.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RpcServer, TooManyConnectionsAreClosed) {
  auto address = start({.listen = {socket_address()}, .connections_max = 1}).addresses()[0];
  client first{address};
  EXPECT_THAT(reason([&] { client c{address}; }), HasSubstr("not_available"));
}

TEST_F(RpcServer, NobodyThereIsAClearError) {
  EXPECT_THAT(reason([&] { client c{"unix:" + (folder / "nothing").string()}; }), HasSubstr("nothing"));
}

TEST_F(RpcServer, TheTokenFileIsChecked) {
  auto file = (folder / "tokens").string();
  std::ofstream{file} << "# who may talk\nsecret-of-alice-0001 alice\n\nsecret-of-bob-000001 bob # and bob\n";
  EXPECT_EQ(read_token_file(file).at("secret-of-bob-000001"), "bob");
  std::ofstream{file} << "secret-of-alice-0001 alice\nshort bob\n";
  EXPECT_THAT(reason([&] { read_token_file(file); }), HasSubstr(":2:"));
  EXPECT_THAT(reason([&] { read_token_file(file + "-missing"); }), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace chromatin::rpc
