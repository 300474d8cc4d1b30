// Where a server listens, whom it lets in, and how it ends.

#include <future>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rpc/address.hpp"
#include "tests/rpc/fixture.hpp"

namespace chromatin::rpc {
namespace {

using testing::HasSubstr;

class RpcListener : public rpc_fixture {};

TEST_F(RpcListener, WithoutTokensOnlyThisMachineIsListenedTo) {
  EXPECT_THAT(reason([&] { start({.listen = {"0.0.0.0:0"}}); }),
              testing::AllOf(HasSubstr("--tokens"), HasSubstr("127.0.0.1")));
  EXPECT_THAT(reason([&] { start({.listen = {"nonsense"}}); }), HasSubstr("HOST:PORT"));
}

TEST_F(RpcListener, ASecondServerOnOneSocketIsRefusedAndALeftOverSocketReplaced) {
  start();
  EXPECT_THAT(reason([&] { server second(system, gateway, telemetry, supervisor, {.listen = {socket_address()}}); }),
              HasSubstr("another server"));
  auto left_over = folder / "left-over";
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  left_over.string().copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ::close(fd);
  server replaced(system, gateway, telemetry, supervisor, {.listen = {socket_address("left-over")}});
  EXPECT_EQ(client(socket_address("left-over")).open("talk").info().tokens, 10u);
  struct stat status {};
  ::stat(left_over.c_str(), &status);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(RpcListener, OneConnectionTooManyIsToldWhenToComeBack) {
  auto address = start({.listen = {socket_address()}, .limits = {.connections_max = 1}}).addresses()[0];
  client first{address};
  try {
    client c{address};
    FAIL();
  } catch (const call_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("1 connections are open"));
    EXPECT_EQ(e.code(), "overloaded");
    EXPECT_GE(e.retry_after().value_or(std::chrono::milliseconds{0}), std::chrono::milliseconds{100});
  }
}

TEST_F(RpcListener, NobodyThereIsAClearError) {
  EXPECT_THAT(reason([&] { client c{"unix:" + (folder / "nothing").string()}; }), HasSubstr("nothing"));
}

TEST_F(RpcListener, AClientThatIsClosedBeforeItsLoginTriesAgain) {
  start({.listen = {socket_address()}});
  auto full = listen_on(parse_address(socket_address("full")));
  std::jthread closes{[&] {
    for (bool last : {false, true}) {
      pollfd comes{full.sockets[0], POLLIN, 0};
      ASSERT_EQ(::poll(&comes, 1, 20'000), 1);
      kj::AutoCloseFd connection{::accept(full.sockets[0], nullptr, nullptr)};
      if (last) std::filesystem::rename(folder / "socket", folder / "full");  // now the server is there
    }
  }};
  EXPECT_EQ(client(socket_address("full")).open("talk").info().tokens, 10u);
}

TEST_F(RpcListener, FinishingAnswersTheCallsUnderWayAndAcceptsNobody) {
  auto address = start().addresses()[0];
  auto call = std::async(std::launch::async, [&] {
    client c{address};
    auto conversation = c.open("talk");
    return conversation.say({.text = "slow"});
  });
  wait_for([&] { return log->streaming == 1; });
  {
    caf::scoped_actor self{system};
    self->request(gateway, caf::infinite, atom::stop_v, caf::timespan{0})
        .receive([](std::uint32_t) {}, [](const caf::error&) {});
  }
  EXPECT_TRUE(server_->finish_turns(std::chrono::seconds{20}));
  EXPECT_THAT(reason([&] { client c{address}; }), HasSubstr("not_available"));
  server_.reset();
  auto report = call.get();
  EXPECT_EQ(report.text, "first ");
  EXPECT_EQ(report.server.stopped, stop_reason::cancelled);
  EXPECT_EQ(log->cancelled, 0);
}

TEST_F(RpcListener, FinishingIsBoundedInTime) {
  auto call = turn_under_way(start().addresses()[0]);
  EXPECT_FALSE(server_->finish_turns(std::chrono::milliseconds{50}));
  server_.reset();
  EXPECT_THAT(call.get(), HasSubstr("not_available"));
}

TEST_F(RpcListener, AConnectionThatEndsGivesItsPlaceBack) {
  auto address = start({.listen = {socket_address()}, .limits = {.connections_max = 1}}).addresses()[0];
  for (int i = 0; i < 3; ++i) {
    bool served = false;  // the server may see the end of the one before a moment later
    wait_for([&] { return served = served || reason([&] { client(address).open("talk"); }) == "no error"; });
  }
}

TEST_F(RpcListener, AddressesAreCheckedInClearWords) {
  auto fails = [&](const std::string& address) { return reason([&] { start({.listen = {address}}); }); };
  EXPECT_THAT(fails("127.evil.example:0"), HasSubstr("no IPv4 address"));
  EXPECT_THAT(fails("127.0.0.1.example:0"), HasSubstr("no IPv4 address")) << "and no name server is asked";
  EXPECT_THAT(fails("127.0.0.1:70000"), HasSubstr("0 (any free one) to 65535"));
  EXPECT_THAT(fails("127.0.0.1:"), HasSubstr("a port is a number"));
  EXPECT_THAT(fails("::1:7411"), HasSubstr("in brackets"));
  EXPECT_THAT(fails("[127.0.0.1]:7411"), HasSubstr("in brackets"));
  EXPECT_THAT(fails("*:0"), HasSubstr("--tokens"));
  EXPECT_THAT(fails("[::]:0"), HasSubstr("--tokens"));
  EXPECT_THAT(fails("unix:/nowhere/at/all"), HasSubstr("no such folder"));
  auto taken = start({.listen = {"127.0.0.1:0"}}).addresses()[0];
  EXPECT_THAT(
      reason([&] { server second(system, gateway, telemetry, supervisor, {.listen = {taken}}); }),
      testing::AllOf(HasSubstr(taken), HasSubstr("another program listens there"), testing::Not(HasSubstr("bind"))));
}

TEST_F(RpcListener, LocalhostIsThisMachineInBothFamilies) {
  auto address = start({.listen = {"localhost:0"}}).addresses()[0];
  auto port = address.substr(address.rfind(':'));
  EXPECT_TRUE(address.starts_with("localhost:")) << address;
  EXPECT_EQ(client("127.0.0.1" + port).open("talk").info().tokens, 10u);
  if (int six = ::socket(AF_INET6, SOCK_STREAM, 0); six >= 0) {
    ::close(six);
    EXPECT_EQ(client("[::1]" + port).open("talk").info().tokens, 10u);
    auto literal = start({.listen = {"[::1]:0"}}).addresses()[0];
    EXPECT_TRUE(literal.starts_with("[::1]:")) << literal;
    EXPECT_EQ(client(literal).open("talk").info().tokens, 10u);
  }
}

/// This process may open so many files more.
void leave_room_for(rlim_t files) {
  int lowest_free = ::dup(STDERR_FILENO);
  ::close(lowest_free);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(lowest_free) + files;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Connects to a Unix socket, without a word.
int connect_silently(const std::string& path) {
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  ::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name);
  return fd;
}

TEST_F(RpcListener, AfterALackOfFilesItListensAgain) {
  auto address = start({.listen = {socket_address()}}).addresses()[0];
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  leave_room_for(2);
  auto child = ::fork();
  if (child == 0) {
    ::setrlimit(RLIMIT_NOFILE, &before);
    ::alarm(60);
    for (int round = 0; round < 10; ++round) {
      std::vector<int> held;
      for (int i = 0; i < 8; ++i) held.push_back(connect_silently((folder / "socket").string()));
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      for (int fd : held) ::close(fd);
    }
    ::_exit(reason([&] { client(address).open("talk"); }) == "no error" ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace chromatin::rpc
