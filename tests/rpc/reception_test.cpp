// A crowd of strangers at a real socket, under a timer that goes on when it is told to.

#include "rpc/reception.hpp"

#include <kj/async-io.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "rpc/address.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::rpc {
namespace {

using std::chrono::milliseconds;

class Reception : public testing::Test {
 protected:
  Reception() {
    auto listening = listen_on(parse_address("unix:" + path));
    at.listen(kj::mv(listening.sockets[0]), nullptr);
    attending = at.attend().eagerlyEvaluate(nullptr);
  }
  ~Reception() noexcept override {}  // what closes a file of KJ's may throw

  void come(int count, std::string_view words = {}) {
    for (; count > 0; --count) {
      auto& fd = clients.emplace_back(kj::AutoCloseFd{::socket(AF_UNIX, SOCK_STREAM, 0)});
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      path.copy(name.sun_path, sizeof name.sun_path - 1);
      ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
      ::send(fd, words.data(), words.size(), MSG_NOSIGNAL);
    }
  }
  /// All that can be done now, and after `time`.
  void run(milliseconds time = {}) {
    io.waitScope.poll();
    timer.advanceTo(timer.now() + time.count() * kj::MILLISECONDS);
    io.waitScope.poll();
  }
  auto let_in() const { return limits.counts.connections; }

  const std::string message{"\0\0\0\0\1\0\0\0contents", 16};
  test::temporary_folder folder;
  const std::string path = (folder / "socket").string();
  kj::AsyncIoContext io = kj::setupAsyncIo();
  kj::TimerImpl timer{kj::origin<kj::TimePoint>()};
  door limits{{.login_grace = std::chrono::hours{1}}};
  std::vector<stranger> served;
  reception at{limits, timer, io.unixEventPort, [this](stranger s) { served.push_back(std::move(s)); }};
  std::vector<kj::AutoCloseFd> clients;
  kj::Promise<void> attending = nullptr;
};

TEST_F(Reception, AFewAreServedAsTheyCome) {
  come(3, message);
  run();
  EXPECT_EQ(served.size(), 3u);
  come(2);
  come(1, message);
  run();
  EXPECT_EQ(served.size(), 4u);
  EXPECT_EQ(let_in(), 6);
}

TEST_F(Reception, OfACrowdOnlySoManyAreLetInAtATime) {
  come(500);
  run();
  EXPECT_EQ(let_in(), 128);
  run(milliseconds{1});
  EXPECT_EQ(let_in(), 128);
  run(milliseconds{20});
  EXPECT_EQ(let_in(), 256);
}

TEST_F(Reception, OfACrowdOnlySoManyAreHeardAtATime) {
  come(100, message);
  run();
  EXPECT_EQ(served.size(), 16u);
  run(milliseconds{20});
  EXPECT_EQ(served.size(), 32u);
}

TEST_F(Reception, WhoComesToACrowdDoesNotWakeTheLoop) {
  come(100);
  run();
  come(1, message);
  run();
  EXPECT_EQ(let_in(), 100);
  EXPECT_TRUE(served.empty());
  run(milliseconds{20});
  EXPECT_EQ(let_in(), 101);
  EXPECT_EQ(served.size(), 1u);
}

TEST_F(Reception, WhenTheCrowdIsGoneTheNextIsServedAsItComes) {
  come(100);
  run();
  clients.clear();
  run(milliseconds{20});
  come(1, message);
  run();
  EXPECT_EQ(served.size(), 1u);
}

TEST_F(Reception, BeyondThePlacesOfYoungStrangersTheLineWaits) {
  limits.limits.connections_per_client_max = 100;
  come(150);
  for (int i = 0; i < 5; ++i) run(milliseconds{20});
  EXPECT_EQ(let_in(), 100);
  limits.limits.login_grace = {};
  run(milliseconds{20});
  EXPECT_EQ(let_in(), 100) << "fifty gave way to fifty";
  char byte;
  EXPECT_EQ(::recv(clients[49], &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(::recv(clients[50], &byte, 1, MSG_DONTWAIT), -1);
}

}  // namespace
}  // namespace chromatin::rpc
