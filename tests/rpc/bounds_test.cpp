// Clients that misbehave, on real sockets: they are refused or closed, and others are served.

#include <capnp/ez-rpc.h>
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/rpc/fixture.hpp"
#include "tests/support/deaf_sink.hpp"

namespace chromatin::rpc {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
constexpr milliseconds moment{60}, age{600'000};

class RpcBounds : public rpc_fixture {
 protected:
  std::string start_with(const door_limits& limits) {
    return start({.listen = {socket_address()}, .limits = limits}).addresses()[0];
  }
  std::int64_t door_counter(client& c, const std::string& name) {
    for (const auto& part : c.stat())
      for (const auto& [key, value] : part.values)
        if (part.part == "door" && key == name) return value;
    return -1;
  }
};

/// A connection that says what it is told to, byte by byte.
class raw_connection {
 public:
  explicit raw_connection(const std::filesystem::path& socket) : fd_{::socket(AF_UNIX, SOCK_STREAM, 0)} {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    socket.string().copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  }
  raw_connection(const raw_connection&) = delete;
  ~raw_connection() { ::close(fd_); }

  void say(std::string_view bytes) { EXPECT_EQ(::write(fd_, bytes.data(), bytes.size()), ssize_t(bytes.size())); }
  /// Whether the server closes it within a time that is long for any test.
  bool is_closed(int within_ms = 20'000) {
    char bytes[4096];
    pollfd wait{fd_, POLLIN, 0};
    while (::poll(&wait, 1, within_ms) == 1)
      if (::read(fd_, bytes, sizeof bytes) <= 0) return true;
    return false;
  }

 private:
  int fd_;
};

/// Calls that do not wait for each other.
class pipeline {
 public:
  explicit pipeline(const std::string& address)
      : connection_{address.c_str()},
        session_{connection_.getMain<schema::Gate>().loginRequest().send().wait(scope()).getSession()} {}

  /// How those of the calls ended that did not hang: "ok", or what was wrong.
  template <class Sink = test::deaf_sink>
  std::vector<std::string> say(int count, const std::string& text) {
    auto request = session_.openRequest();
    request.setId("talk");
    auto conversation = request.send().wait(scope()).getConversation();
    auto ends = std::make_shared<std::vector<std::string>>();
    for (int i = 0; i < count; ++i) {
      auto order = conversation.sayRequest();
      order.initRequest().setText(text.c_str());
      order.setSink(kj::heap<Sink>());
      calls_.push_back(order.send()
                           .then([ends](auto) { ends->push_back("ok"); },
                                 [ends](kj::Exception&& e) { ends->push_back(e.getDescription().cStr()); })
                           .eagerlyEvaluate(nullptr));
    }
    for (int i = 0; i < 2; ++i)  // comes behind them
      session_.statRequest().send().then([](auto) {}, [](kj::Exception&&) {}).wait(scope());
    return *ends;
  }

 private:
  kj::WaitScope& scope() { return connection_.getWaitScope(); }
  capnp::EzRpcClient connection_;
  schema::Session::Client session_;
  std::vector<kj::Promise<void>> calls_;
};

TEST_F(RpcBounds, WhoDoesNotLogInIsClosed) {
  auto address = start_with({.login_within = moment});
  raw_connection silent{folder / "socket"};
  EXPECT_TRUE(silent.is_closed());
  client c{address};
  std::this_thread::sleep_for(2 * moment);
  EXPECT_EQ(c.open("talk").info().tokens, 10u) << "who did is not";
  EXPECT_EQ(door_counter(c, "logins_late"), 1);
}

TEST_F(RpcBounds, AMessageThatIsNotSentToItsEndEndsItsConnection) {
  auto address = start_with({.login_within = age, .message_within = moment});
  raw_connection table{folder / "socket"}, body{folder / "socket"}, idle{folder / "socket"};
  table.say(std::string(3, '\0'));
  body.say(std::string{"\0\0\0\0\x10\0\0\0half", 12});
  EXPECT_TRUE(table.is_closed());
  EXPECT_TRUE(body.is_closed());
  EXPECT_FALSE(idle.is_closed(100)) << "who says nothing has not begun";
  client c{address};
  EXPECT_EQ(door_counter(c, "messages_late"), 2);
}

TEST_F(RpcBounds, ASecondMessageThatIsNotSentToItsEndEndsItsConnection) {
  auto address = start_with({.login_within = age, .message_within = moment});
  capnp::MallocMessageBuilder first;
  first.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
  auto words = capnp::messageToFlatArray(first);
  raw_connection known{folder / "socket"};
  known.say({words.asChars().begin(), words.asChars().size()});
  known.say(std::string{"\0\0\0\0\x10\0\0\0half", 12});
  EXPECT_TRUE(known.is_closed());
  client c{address};
  EXPECT_EQ(door_counter(c, "messages_late"), 1);
}

TEST_F(RpcBounds, StrangersGiveWayToWhoComes) {
  auto address = start_with({.connections_max = 3, .login_within = age});
  client known{address};
  raw_connection first{folder / "socket"}, second{folder / "socket"};
  client late{address};
  EXPECT_EQ(late.open("talk").info().tokens, 10u);
  EXPECT_TRUE(first.is_closed());
  EXPECT_FALSE(second.is_closed(50)) << "the oldest is enough";
  EXPECT_EQ(known.open("talk").info().tokens, 10u);
}

/// What a client says first.
std::string hello() {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initBootstrap();
  auto words = capnp::messageToFlatArray(message);
  auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

TEST_F(RpcBounds, WhoIsSilentGivesWayBeforeWhoHasSpoken) {
  auto address = start_with({.connections_max = 3, .login_within = age});
  client known{address};
  raw_connection spoken{folder / "socket"};
  spoken.say(hello());
  raw_connection silent{folder / "socket"};
  client late{address};
  EXPECT_TRUE(silent.is_closed());
  EXPECT_FALSE(spoken.is_closed(50));
}

TEST_F(RpcBounds, AStrangerKeepsItsPlaceForAGraceWhileTheNextOneWaits) {
  auto address = start_with({.connections_max = 2, .login_within = age, .login_grace = age});
  client known{address};
  auto young = std::make_unique<raw_connection>(folder / "socket");
  auto late = std::async(std::launch::async, [&] { return client{address}.open("talk").info().tokens; });
  EXPECT_FALSE(young->is_closed(100));
  young.reset();
  EXPECT_EQ(late.get(), 10u);
}

TEST_F(RpcBounds, StrangersWhoSpokeButDidNotLogInGiveWayToo) {
  auto address = start_with({.connections_max = 3, .login_within = age, .login_grace = milliseconds{5}});
  client known{address};
  raw_connection first{folder / "socket"}, second{folder / "socket"};
  first.say(hello());
  second.say(hello());
  client late{address};
  EXPECT_EQ(late.open("talk").info().tokens, 10u);
}

TEST_F(RpcBounds, TurnsOfAConnectionAreBoundedAndTheRefusalSaysWhenToComeBack) {
  pipeline many{start_with({.turns_per_connection_max = 3})};
  EXPECT_THAT(many.say(5, "slow"), testing::ElementsAre(AllOf(HasSubstr("overloaded: 3 turns of this connection"),
                                                              HasSubstr("[retry_after_ms=")),
                                                        HasSubstr("overloaded: 3 turns")));
  wait_for([&] { return log->streaming == 3; });
  client other{server_->addresses()[0]};
  auto conversation = other.open("talk");
  EXPECT_FALSE(conversation.say({.text = "hi"}).text.empty());
}

TEST_F(RpcBounds, AnAnswerThatNobodyTakesLeavesItsPlaceWhenItIsComplete) {
  pipeline stuck{start_with({.turns_per_client_max = 2})};
  stuck.say<test::stuck_sink>(2, "hi");
  client other{server_->addresses()[0]};
  auto conversation = other.open("talk");
  wait_for([&] { return reason([&] { conversation.say({.text = "hi"}); }) == "no error"; });
}

TEST_F(RpcBounds, AConnectionThatIsNotReadWhileAnAnswerGoesOnIsClosed) {
  pipeline unread{start_with({.read_within = moment})};
  unread.say(1, "flood");
  wait_for([&] {  // piece by piece, until more than a connection takes ahead of its client is under way
    std::lock_guard lock{log->mutex};
    if (log->flood) log->flood->text(std::string(64 << 10, 'x'));
    return log->cancelled == 1;
  });
  client other{server_->addresses()[0]};
  EXPECT_EQ(door_counter(other, "messages_late"), 1);
  wait_for([&] { return door_counter(other, "connections") == 1; });
}

TEST_F(RpcBounds, CallsThatWaitAreBounded) {
  pipeline many{start_with({.calls_per_connection_max = 4})};
  auto ends = many.say(9, "slow");
  ASSERT_EQ(ends.size(), 5u);
  EXPECT_THAT(ends, testing::Each(HasSubstr("overloaded: 4 calls of this connection")));
}

TEST_F(RpcBounds, BytesThatWaitAreBounded) {
  pipeline many{start_with({.bytes_per_connection_max = 3'000'000})};
  auto ends = many.say(40, "slow" + std::string(100'000, ' '));
  EXPECT_GE(ends.size(), 10u);
  EXPECT_LE(ends.size(), 12u);
  EXPECT_THAT(ends, testing::Each(HasSubstr("bytes of this connection's calls")));
}

TEST_F(RpcBounds, AMessageOfAnySizeIsNotTaken) {
  auto address = start_with({.call_bytes_max = 200'000});
  client c{address};
  auto conversation = c.open("talk");
  EXPECT_FALSE(conversation.say({.text = std::string(100'000, 'a')}).text.empty());
  EXPECT_THAT(reason([&] { conversation.say({.text = std::string(300'000, 'a')}); }), HasSubstr("too_large"));
  EXPECT_NE(reason([&] { client stranger(address, std::string(100'000, 'a')); }), "no error") << "much less is enough";
  EXPECT_EQ(client(address).open("talk").info().tokens, 10u);
}

TEST_F(RpcBounds, TokensThatAreTakenAwayEndTheirConnections) {
  token_list both{.tenants = {{"secret-of-alice-0001", "alice"}, {"secret-of-bob-000001", "bob"}}};
  auto address = start({.listen = {socket_address()}, .tokens = both}).addresses()[0];
  client alice{address, "secret-of-alice-0001"}, bob{address, "secret-of-bob-000001"};
  server_->set_tokens({.tenants = {{"secret-of-bob-000001", "bob"}, {"secret-of-carol-0001", "carol"}}});
  EXPECT_THAT(reason([&] { alice.open("talk"); }), HasSubstr("not_available"));
  EXPECT_EQ(bob.open("talk").info().tokens, 10u);
  EXPECT_EQ(client(address, "secret-of-carol-0001").open("talk").info().tokens, 10u);
  EXPECT_THAT(reason([&] { client c(address, "secret-of-alice-0001"); }), HasSubstr("unauthenticated"));
}

TEST_F(RpcBounds, ATenantSeesItsOwnCountersAndAnOperatorAll) {
  token_list both{.tenants = {{"secret-of-alice-0001", "alice"}, {"secret-of-bob-000001", "bob"}},
                  .operators = {"secret-of-bob-000001"}};
  auto address = start({.listen = {socket_address()}, .tokens = both}).addresses()[0];
  auto own = client(address, "secret-of-alice-0001").stat();
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].values[0].first, "turns_of_alice");
  EXPECT_EQ(client(address, "secret-of-bob-000001").stat().size(), 3u);
  EXPECT_THAT(reason([&] { client(address, "secret-of-alice-0001").detach_part("disk-tier"); }),
              HasSubstr("operator's token"));
  EXPECT_EQ(log->parts_left, 0);
}

}  // namespace
}  // namespace chromatin::rpc
