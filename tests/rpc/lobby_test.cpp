// Connections that have not said a message yet, on pairs of sockets and without a loop: the time is passed in.

#include "rpc/lobby.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace chromatin::rpc {
namespace {

using std::chrono::milliseconds;

class Lobby : public testing::Test {
 protected:
  ~Lobby() noexcept override {}  // what closes a file of KJ's may throw

  /// One more, from `peer`; the client's end of it.
  kj::AutoCloseFd come(const std::string& peer = "x") {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    refusal why;
    strangers.add({kj::AutoCloseFd{ends[0]}, peer, limits.connect(peer, why), {}, {}, now, {}});
    return kj::AutoCloseFd{ends[1]};
  }
  static void say(int fd, std::string_view bytes) { ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  static bool is_closed(int fd) {
    char byte;
    auto got = ::recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno == ECONNRESET);  // the latter if something was not read
  }

  const std::string message{"\0\0\0\0\1\0\0\0contents", 16};
  stranger::time_point now{std::chrono::hours{1}};
  door limits{{.login_within = milliseconds{1000}, .message_within = milliseconds{300}}};
  lobby strangers{limits};
};

TEST_F(Lobby, WhoSaidAMessageLeavesItAndItsBytesAreStillThere) {
  auto silent = come(), speaks = come("y");
  strangers.look(now);
  EXPECT_FALSE(strangers.next_that_spoke());
  say(speaks, message.substr(0, 13));
  strangers.look(now);
  EXPECT_FALSE(strangers.next_that_spoke()) << "it is not whole yet";
  say(speaks, message.substr(13));
  strangers.look(now);
  auto s = strangers.next_that_spoke();
  ASSERT_TRUE(s);
  EXPECT_EQ(s->peer, "y");
  char bytes[64];
  EXPECT_EQ(::recv(s->fd, bytes, sizeof bytes, 0), 16);
  EXPECT_EQ(strangers.size(), 1u);
}

TEST_F(Lobby, WhoWentAwayGivesItsPlaceBack) {
  auto silent = come(), half = come(), all = come();
  say(half, message.substr(0, 12));
  say(all, message);
  EXPECT_EQ(limits.counts.connections, 3);
  for (auto* gone : {&silent, &half, &all}) *gone = nullptr;
  strangers.look(now);
  EXPECT_EQ(strangers.size(), 1u) << "who said something first is heard";
  EXPECT_TRUE(strangers.next_that_spoke());
  EXPECT_EQ(limits.counts.connections, 0);
}

TEST_F(Lobby, AMessageInPartAndNoneAtAllEndInTime) {
  auto silent = come(), half = come();
  say(half, "\1");
  strangers.look(now);
  EXPECT_EQ(strangers.next_end(), now + milliseconds{300});
  strangers.look(now += milliseconds{300});
  EXPECT_TRUE(is_closed(half));
  EXPECT_EQ(limits.counts.messages_late, 1);
  EXPECT_FALSE(is_closed(silent));
  strangers.look(now += milliseconds{700});
  EXPECT_TRUE(is_closed(silent));
  EXPECT_EQ(limits.counts.logins_late, 1);
  EXPECT_FALSE(strangers.next_end());
}

TEST_F(Lobby, TheOldestSilentOneGivesWayButNotBeforeItsTime) {
  const std::string x = "x", z = "z";
  auto other = come("y"), first = come(), second = come();
  say(first, message);
  strangers.look(now);
  EXPECT_FALSE(strangers.close_oldest(&x, now - milliseconds{1}));
  EXPECT_FALSE(strangers.close_oldest(&z, now));
  EXPECT_TRUE(strangers.close_oldest(&x, now));
  EXPECT_TRUE(is_closed(second)) << "the other one spoke";
  EXPECT_TRUE(strangers.holds_place(&x));
  EXPECT_FALSE(strangers.close_oldest(&x, now));
  EXPECT_TRUE(strangers.close_oldest(nullptr, now));
  EXPECT_TRUE(is_closed(other));
}

TEST_F(Lobby, AFirstMessageThatIsLongIsHeardBeforeItsEnd) {
  auto speaks = come();
  say(speaks, std::string{"\0\0\0\0\0\0\1\0", 8} + std::string(8000, 'a'));
  strangers.look(now);
  EXPECT_TRUE(strangers.next_that_spoke());
}

}  // namespace
}  // namespace chromatin::rpc
