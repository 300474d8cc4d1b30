// Who is served next, whoever floods the queue.

#include "actors/turn_queue.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

/// Turns that come and go, one at a time, under a clock of its own.
class line {
 public:
  struct kind {
    std::uint64_t client = 1, connection = 1;
    std::uint8_t priority = 50;
    std::uint32_t tokens_max = 40;
  };

  turn_id come(kind k) {
    auto& s = turns_.emplace_back();
    s.arrival = turns_.size();
    s.received = now;
    turn_order order{.turn = turns_.size(), .client = k.client, .connection = k.connection, .priority = k.priority};
    order.window.tokens = {1, 2, 3};
    order.sampling.tokens_max = k.tokens_max;
    s.begin(std::move(order), nullptr);
    queue.insert(s);
    return turns_.size();
  }
  void come(int count, kind k) {
    for (int i = 0; i < count; ++i) come(k);
  }
  /// Admits the next one, which then takes some time and ends having used so many tokens.
  turn_id serve(std::uint32_t answer_tokens = 40) {
    auto* s = queue.candidate(16, now);
    if (!s) return 0;
    queue.admitted(*s, now);
    now += milliseconds{10};
    s->outcome.statistics.answer_tokens = answer_tokens;
    s->outcome.statistics.computed_tokens = 3;
    auto id = s->order.turn;
    queue.ended(*s);
    return id;
  }
  /// How many others were served before this turn.
  int wait_of(turn_id id) {
    for (int others = 0; others < 2000; ++others)
      if (serve() == id) return others;
    return -1;
  }

  turn_queue queue;
  turn_queue::time_point now{std::chrono::hours{1}};

 private:
  std::deque<sequence> turns_;
};

TEST(TurnQueue, AClientWithManyTurnsWaitsForItselfOnly) {
  line l;
  l.come(100, {.client = 1});
  for (int i = 0; i < 5; ++i) l.serve();
  for (int round = 0; round < 10; ++round) EXPECT_LE(l.wait_of(l.come({.client = 2})), 1) << round;
}

TEST(TurnQueue, ClientsThatStayGetEqualShares) {
  line l;
  l.come(90, {.client = 1});
  l.come(30, {.client = 2});
  std::map<bool, int> served;
  for (int i = 0; i < 40; ++i) ++served[l.serve() <= 90];
  EXPECT_EQ(served[true], 20);
  EXPECT_EQ(served[false], 20);
}

TEST(TurnQueue, SharesAreOfTokensAndNotOfTurns) {
  line l;
  l.come(60, {.client = 1, .tokens_max = 90});
  l.come(60, {.client = 2, .tokens_max = 15});
  std::map<bool, int> served;
  for (int i = 0; i < 42; ++i) {
    bool big = l.queue.candidate(16, l.now)->order.client == 1;
    ++served[big];
    l.serve(big ? 90 : 15);
  }
  EXPECT_NEAR(served[false], 5 * served[true], 6);
}

TEST(TurnQueue, AClientThatComesBackWithItsNextTurnDoesNotBeginAnew) {
  line l;
  const line::kind big{.client = 1, .tokens_max = 90}, small{.client = 2, .tokens_max = 15};
  l.come(big);
  l.come(small);
  std::map<bool, int> served;
  for (int i = 0; i < 42; ++i) {
    bool is_big = l.queue.candidate(16, l.now)->order.client == 1;
    ++served[is_big];
    l.serve(is_big ? 90 : 15);
    l.come(is_big ? big : small);
  }
  EXPECT_NEAR(served[false], 5 * served[true], 6);
}

/// Two clients that come back at once; each turn of the first uses as many tokens as `used` says, each of the second
/// its price. How many turns of the second were served between two of the first.
std::vector<int> turns_between(line& l, int rounds, const std::function<std::uint32_t(int)>& used) {
  l.come({.client = 1});
  l.come({.client = 2});
  std::vector<int> between(1);
  while (static_cast<int>(between.size()) <= rounds) {
    bool first = l.queue.candidate(16, l.now)->order.client == 1;
    l.serve(first ? used(static_cast<int>(between.size())) : 40);
    l.come({.client = first ? 1u : 2u});
    first ? between.push_back(0) : void(++between.back());
  }
  return between;
}

TEST(TurnQueue, ATurnThatCostMoreThanItsPriceIsPaidWithSeveral) {
  line l;
  auto between = turns_between(l, 60, [](int round) { return round == 10 ? 440u : 40u; });
  EXPECT_LE(*std::ranges::max_element(between), 2) << "nobody waits for long before one turn";
  EXPECT_NEAR(std::accumulate(between.begin(), between.end(), 0), 60 + 400 / 43, 3) << "and all of it is paid";
}

TEST(TurnQueue, WhoAlwaysCostsMoreThanItsPriceGetsNoMoreThanItsShare) {
  line l;
  auto between = turns_between(l, 200, [](int) { return 440u; });
  EXPECT_NEAR(std::accumulate(between.begin(), between.end(), 0), 200 * 443 / 43, 200)
      << "it owes what 16 turns cost at most";
}

TEST(TurnQueue, AConnectionWithManyTurnsHoldsUpNoOtherOfItsClient) {
  line l;
  l.come(200, {.connection = 1});
  l.serve();
  for (int round = 0; round < 10; ++round) EXPECT_LE(l.wait_of(l.come({.connection = 2})), 2) << round;
}

TEST(TurnQueue, APriorityCountsAmongAClientsOwnTurns) {
  line l;
  l.come(50, {.client = 1, .priority = 100});
  auto own = l.come({.client = 1, .priority = 100}), other = l.come({.client = 2, .priority = 0});
  EXPECT_LE(l.wait_of(other), 1) << "another client does not wait for it";
  auto low = l.come({.client = 3, .connection = 1, .priority = 20}),
       high = l.come({.client = 3, .connection = 1, .priority = 80});
  std::vector<turn_id> order;
  while (auto id = l.serve())
    if (id == low || id == high || id == own) order.push_back(id);
  EXPECT_THAT(order, ElementsAre(high, low, own));
}

TEST(TurnQueue, NoTurnWaitsForEverForThoseWithAHigherPriority) {
  line l;
  auto low = l.come({.connection = 2, .priority = 0});
  int waited = 0;
  for (l.come({.priority = 100}); l.serve() != low; l.come({.priority = 100})) ASSERT_LT(++waited, 250);
  EXPECT_GT(waited, 100) << "but it does wait";
}

TEST(TurnQueue, WhatATurnDidNotUseIsGivenBack) {
  line l;
  l.come({.client = 1, .tokens_max = 60'000});
  l.come({.client = 1});
  l.come(20, {.client = 2});
  EXPECT_EQ(l.serve(10), 1u);
  EXPECT_EQ(l.serve(), 3u) << "the other client's turn";
  EXPECT_EQ(l.serve(), 2u) << "and not after all of them";
}

TEST(TurnQueue, ATurnThatGaveWayIsNotChargedTwice) {
  line l;
  auto first = l.come({.client = 1, .tokens_max = 100});
  l.come(3, {.client = 2, .tokens_max = 100});
  auto* s = l.queue.candidate(16, l.now);
  ASSERT_EQ(s->order.turn, first);
  l.queue.admitted(*s, l.now);
  l.queue.insert(*s);
  EXPECT_EQ(l.serve(100), 2u);
  EXPECT_EQ(l.serve(100), first);
}

TEST(TurnQueue, HintsAreInTheOrderInWhichTurnsWillRun) {
  line l;
  l.come(3, {.client = 1});
  l.come(2, {.client = 2, .priority = 70});
  std::vector<int> order;
  for (const auto& next : l.queue.look_ahead(64, {.turn_us = 100}, l.now).upcoming) order.push_back(next.priority);
  EXPECT_THAT(order, ElementsAre(50, 70, 50, 70, 50));
}

}  // namespace
}  // namespace chromatin
