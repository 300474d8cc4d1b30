// What clients may hold, counted without a socket.

#include "rpc/door.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::rpc {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using hold = connection_account::hold;

std::shared_ptr<connection_account> connect(door& d, const std::string& peer) {
  refusal why;
  auto account = d.connect(peer, why);
  EXPECT_TRUE(account) << why.what;
  return account;
}

/// Takes until it is refused; how many were taken, and what the refusal said.
template <class Take>
std::pair<std::size_t, refusal> take_all(std::vector<hold>& to, Take take) {
  for (std::size_t count = 0;; ++count) {
    hold next;
    if (auto refused = take(next)) return {count, *refused};
    to.push_back(std::move(next));
  }
}

TEST(Door, EachConnectionHasACallBoundAndGetsItsPlacesBack) {
  door d{{.calls_per_connection_max = 3}};
  auto a = connect(d, "x"), b = connect(d, "x");
  std::vector<hold> held;
  auto call = [](auto& account) { return [&](hold& to) { return account->begin_call(10, to); }; };
  auto [count, refused] = take_all(held, call(a));
  EXPECT_EQ(count, 3u);
  EXPECT_THAT(refused.what, HasSubstr("3 calls of this connection"));
  EXPECT_GE(refused.retry_after, milliseconds{1});
  EXPECT_EQ(take_all(held, call(b)).first, 3u) << "another connection has its own";
  held.clear();
  EXPECT_EQ(take_all(held, call(a)).first, 3u);
  EXPECT_EQ(d.counts.calls_refused, 3);
}

TEST(Door, AClientCannotMultiplyItsShareByConnections) {
  door d{{.calls_per_connection_max = 3, .calls_per_client_max = 5}};
  auto a = connect(d, "x"), b = connect(d, "x"), other = connect(d, "y");
  std::vector<hold> held;
  auto call = [](auto& account) { return [&](hold& to) { return account->begin_call(10, to); }; };
  EXPECT_EQ(take_all(held, call(a)).first, 3u);
  auto [count, refused] = take_all(held, call(b));
  EXPECT_EQ(count, 2u);
  EXPECT_THAT(refused.what, HasSubstr("5 calls of this client"));
  EXPECT_EQ(take_all(held, call(other)).first, 3u) << "others are not held up";
}

TEST(Door, BytesOfCallsAreBounded) {
  door d{{.bytes_per_connection_max = 100, .bytes_per_client_max = 150}};
  auto a = connect(d, "x"), b = connect(d, "x");
  hold one, two, three;
  EXPECT_FALSE(a->begin_call(90, one));
  EXPECT_THAT(a->begin_call(20, two)->what, HasSubstr("90 bytes of this connection's"));
  EXPECT_THAT(a->more_bytes(20, two)->what, HasSubstr("90 bytes of this connection's"));
  EXPECT_THAT(b->begin_call(70, two)->what, HasSubstr("90 bytes of this client's"));
  EXPECT_FALSE(b->begin_call(50, two));
  one = {};
  EXPECT_FALSE(a->begin_call(100, three));
}

TEST(Door, BytesThatAreKeptAreBoundedAndCostNothing) {
  door d{{.bytes_per_connection_max = 100, .bytes_per_client_max = 150}};
  auto a = connect(d, "x"), b = connect(d, "x");
  hold first, second, third;
  EXPECT_TRUE(a->keep_bytes(90, first));
  EXPECT_FALSE(a->keep_bytes(11, second));
  EXPECT_FALSE(b->keep_bytes(61, second)) << "of one client";
  EXPECT_TRUE(b->keep_bytes(60, second));
  EXPECT_EQ(d.counts.bytes_refused, 0);
  EXPECT_EQ(a->pause({}).count(), 0);
  first = {};
  EXPECT_TRUE(a->keep_bytes(90, third));
}

TEST(Door, ARefusalCostsItsClientAPauseThatGrowsWithWhatItSent) {
  using time = std::chrono::steady_clock::time_point;
  const time begin{std::chrono::hours{1}};
  door d{{.turns_per_connection_max = 1, .bytes_per_connection_max = 1 << 20}};
  auto a = connect(d, "x"), b = connect(d, "x"), other = connect(d, "y");
  hold one, two;
  EXPECT_FALSE(a->begin_turn(one));
  EXPECT_EQ(a->pause(begin).count(), 0) << "what is answered costs nothing";
  EXPECT_TRUE(a->begin_turn(two));
  auto small = a->pause(begin);
  EXPECT_GT(small, milliseconds{0});
  EXPECT_EQ(b->pause(begin), small) << "its other connections wait, too";
  EXPECT_EQ(other->pause(begin).count(), 0);
  EXPECT_EQ(a->pause(begin + small).count(), 0);
  EXPECT_TRUE(a->begin_call(8 << 20, two));
  auto big = a->pause(begin + small);
  EXPECT_GT(big, 10 * small);
  EXPECT_TRUE(b->begin_turn(one) || b->begin_turn(two));
  EXPECT_EQ(b->pause(begin + small), big + small) << "each is paid for";
}

TEST(Door, ACallCostsItsClientTimesTheClientsThatAreServed) {
  const std::chrono::steady_clock::time_point begin{std::chrono::hours{1}};
  door d{{}};
  auto alone = connect(d, "alone");
  auto call = [](auto& account, int times, std::uint64_t bytes = 0) {
    for (hold one; times > 0; --times) EXPECT_FALSE(account->begin_call(bytes, one));
  };
  alone->pause(begin);
  call(alone, 900);
  EXPECT_EQ(alone->pause(begin).count(), 0) << "there is work ahead of its share for a moment";
  call(alone, 1100);
  EXPECT_EQ(alone->pause(begin), milliseconds{100});
  EXPECT_EQ(alone->pause(begin + milliseconds{100}).count(), 0);

  std::vector<std::shared_ptr<connection_account>> others;
  std::vector<hold> held(9);
  for (auto& h : held) {
    others.push_back(connect(d, "other " + std::to_string(others.size())));
    EXPECT_FALSE(others.back()->begin_call(0, h));
  }
  auto one = connect(d, "one"), texts = connect(d, "texts");
  one->pause(begin), texts->pause(begin);
  call(one, 200);
  EXPECT_EQ(one->pause(begin), milliseconds{100}) << "ten are served";
  call(texts, 20, 1 << 20);
  EXPECT_GT(texts->pause(begin), milliseconds{600}) << "long texts cost more";
  EXPECT_EQ(others[0]->pause(begin).count(), 0);
  held.clear();
  EXPECT_EQ(d.clients_served, 0u);
}

TEST(Door, ADroppedTurnCostsWhatAnAnsweredOneTakesFromTheOthers) {
  auto begin = std::chrono::steady_clock::time_point{std::chrono::hours{1}};
  door d{{}};
  for (int i = 0; i < 200; ++i) d.turn_answered(begin += milliseconds{4});
  auto a = connect(d, "x");
  a->pause(begin);
  for (int i = 0; i < 50; ++i) a->dropped_turn();
  EXPECT_NEAR(std::chrono::duration<double>(a->pause(begin)).count(), 0.1, 0.005);
  d.turn_answered(begin += std::chrono::hours{10});
  EXPECT_LT(d.turn_costs, milliseconds{6}) << "nobody asked meanwhile";
}

TEST(Door, WaitingTurnsAreToldWhatTurnsTake) {
  door d{{.turns_per_connection_max = 2}};
  auto a = connect(d, "x");
  std::vector<hold> held;
  for (int i = 0; i < 200; ++i) d.turns_take.took(milliseconds{4000});
  auto [count, refused] = take_all(held, [&](hold& to) { return a->begin_turn(to); });
  EXPECT_EQ(count, 2u);
  EXPECT_THAT(refused.what, HasSubstr("2 turns of this connection"));
  EXPECT_GT(refused.retry_after, milliseconds{3000});
  EXPECT_LE(refused.retry_after, milliseconds{4000});
}

TEST(Door, OpenConversationsOfAConnectionAreBounded) {
  door d{{.handles_per_connection_max = 4}};
  auto a = connect(d, "x");
  std::vector<hold> held;
  EXPECT_EQ(take_all(held, [&](hold& to) { return a->take_handle(to); }).first, 4u);
  held.pop_back();
  EXPECT_EQ(take_all(held, [&](hold& to) { return a->take_handle(to); }).first, 1u);
}

TEST(Door, ConnectionsAreBoundedForAllAndForEach) {
  door d{{.connections_max = 3, .connections_per_client_max = 2}};
  refusal why;
  auto a = connect(d, "x"), b = connect(d, "x");
  EXPECT_FALSE(d.connect("x", why));
  EXPECT_THAT(why.what, HasSubstr("2 connections from this address"));
  auto c = connect(d, "y");
  EXPECT_FALSE(d.connect("z", why));
  EXPECT_THAT(why.what, HasSubstr("3 connections are open"));
  EXPECT_GE(why.retry_after, milliseconds{1});
  a.reset();
  EXPECT_TRUE(d.connect("x", why));
}

TEST(Door, AfterALoginTheTenantCountsAndNotTheAddress) {
  door d{{.connections_per_client_max = 2, .calls_per_client_max = 1}};
  auto a = connect(d, "x"), b = connect(d, "x");
  EXPECT_FALSE(a->logged_in());
  EXPECT_FALSE(a->log_in("alice"));
  EXPECT_FALSE(b->log_in("bob"));
  EXPECT_TRUE(a->logged_in());
  EXPECT_NE(a->client(), b->client());
  auto c = connect(d, "x"), e = connect(d, "y");
  EXPECT_FALSE(c->log_in("alice"));
  EXPECT_THAT(e->log_in("alice")->what, HasSubstr("2 connections of this tenant"));
  hold one, two;
  EXPECT_FALSE(a->begin_call(1, one));
  EXPECT_TRUE(c->begin_call(1, two)) << "one tenant, wherever it comes from";
  EXPECT_FALSE(b->begin_call(1, two));
}

TEST(Door, ACallThatBeganBeforeTheLoginIsGivenBackWhereItWasTaken) {
  door d{{.calls_per_client_max = 1}};
  auto a = connect(d, "x"), b = connect(d, "x");
  hold login, next;
  EXPECT_FALSE(a->begin_call(1, login));
  EXPECT_FALSE(a->log_in("alice"));
  login = {};
  EXPECT_FALSE(b->begin_call(1, next)) << "the address has nothing under way";
}

TEST(Door, AConnectionThatTakesNothingIsLateOnceUntilItTakesSomething) {
  door d{{}};
  auto a = connect(d, "x"), b = connect(d, "x");
  a->was_late();  // a turn, then the message that held it up
  a->was_late();
  EXPECT_EQ(d.counts.messages_late, 1);
  b->was_late();
  a->took_all();
  a->was_late();
  EXPECT_EQ(d.counts.messages_late, 3);
}

}  // namespace
}  // namespace chromatin::rpc
