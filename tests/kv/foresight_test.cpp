// What policies know of what comes: the turns that wait, and who is likely to return.

#include <memory>

#include <gtest/gtest.h>

#include "tests/kv/policy_calls.hpp"

namespace chromatin::kv {
namespace {

/// Chains {1, 2} and {11, 12}, of which the first is less worth, and a turn that waits for it.
template <class Check>
void with_awaited_chain(Check check) {
  for (const auto* name : {"lookahead", "predictive"}) {
    auto made = make_policy(name);
    store(*made, {1, 2});
    touch(*made, {1, 2});
    store(*made, {11, 12});
    touch(*made, {11, 12});
    std::vector<upcoming_turn> upcoming{{.keys = {key(1), key(2)}, .starts_in_us = 1000}};
    made->hint(upcoming, 0);
    check(*made, upcoming);
  }
}

TEST(AwaitedChunks, GoAfterAllOthersTheLastToStartFirst) {
  with_awaited_chain([](eviction_policy& policy, auto& upcoming) {
    EXPECT_EQ(victims(policy), (order{12, 11, 2, 1}));
    upcoming.push_back({.keys = {key(11), key(12)}, .starts_in_us = 500});
    policy.hint(upcoming, 0);
    EXPECT_EQ(victims(policy), (order{2, 1, 12, 11}));
  });
}

TEST(AwaitedChunks, AreLikeOthersWhenTheirTurnIsGone) {
  with_awaited_chain([](eviction_policy& policy, auto&) {
    policy.hint({}, 0);
    EXPECT_EQ(victims(policy), (order{2, 1, 12, 11}));
  });
}

TEST(AwaitedChunks, AreLikeOthersWhenTheLastTurnThatAwaitedThemHasSettled) {
  with_awaited_chain([](eviction_policy& policy, auto& upcoming) {
    upcoming.push_back({.keys = {key(1)}, .starts_in_us = 2000});
    policy.hint(upcoming, 0);
    touch(policy, {1, 2}, {.settled = true});
    touch(policy, {11, 12}, {.settled = true});
    EXPECT_EQ(victims(policy), (order{2, 12, 11, 1})) << "another turn awaits 1";
    touch(policy, {1}, {.settled = true});
    EXPECT_EQ(victims(policy), (order{2, 12, 11, 1})) << "used last";
    policy.hint({}, 0);
    EXPECT_EQ(victims(policy), (order{2, 12, 11, 1})) << "nobody awaited it";
  });
}

TEST(AwaitedChunks, AreAwaitedBeforeTheyArriveToo) {
  with_awaited_chain([](eviction_policy& policy, auto&) {
    policy.erase(key(2));
    policy.insert(key(2), {.depth = 1, .bytes = 10});
    policy.safe_below(key(2), true);
    EXPECT_EQ(victims(policy), (order{12, 11, 2, 1}));
  });
}

/// A hundred conversations whose user came back half a minute after a short answer, and never after a long one.
std::unique_ptr<eviction_policy> experienced(std::int64_t& now_us) {
  auto made = make_policy("predictive");
  for (std::uint64_t n = 100; n < 200; ++n)
    for (auto answer_tokens : {4U, 500U})
      touch(*made, {n},
            {.now_us = now_us += 30'000'000, .conversation = n, .answer_tokens = answer_tokens, .settled = true});
  return made;
}

TEST(Predictive, WhatIsLoadedIsWhoseItWas) {
  std::int64_t now_us = 0;
  auto made = experienced(now_us);
  auto use = [&](std::uint64_t n, std::uint32_t answer_tokens) {
    touch(*made, {n}, {.now_us = now_us, .conversation = n, .answer_tokens = answer_tokens, .settled = true});
  };
  store(*made, {1});
  store(*made, {2});
  use(1, 4), use(2, 500);
  EXPECT_EQ(victims(*made), (order{2, 1}));
  for (std::uint64_t n : {1, 2}) made->erase(key(n));
  for (std::uint64_t n : {1, 2}) {
    made->insert(key(n), {.bytes = 10, .loaded = true});
    made->safe_below(key(n), true);
  }
  EXPECT_EQ(victims(*made), (order{2, 1})) << "they were worth that before they left, too";
}

TEST(Predictive, OfEqualsWhatHasFewTokensInItsRoomGoesFirst) {
  for (auto fill : {16U, 64U}) {
    std::int64_t now_us = 0;
    auto made = experienced(now_us);
    made->insert(key(1), {.bytes = 10});
    made->insert(key(2), {.bytes = 10, .fill = fill});
    for (std::uint64_t n : {1, 2}) {
      made->safe_below(key(n), true);
      touch(*made, {n}, {.now_us = now_us, .conversation = n, .answer_tokens = 4, .settled = true});
    }
    EXPECT_EQ(victims(*made), fill < 64 ? (order{2, 1}) : (order{1, 2})) << fill;
  }
}

TEST(Predictive, WhatItLearnedIsTakenWholeOrNotAtAll) {
  auto made = make_policy("predictive");
  store(*made, {1, 2});
  touch(*made, {1, 2}, {.now_us = 1, .conversation = 1, .answer_tokens = 5, .settled = true});
  auto bytes = made->learned();
  EXPECT_TRUE(make_policy("predictive")->learn(bytes));
  EXPECT_FALSE(make_policy("predictive")->learn(std::span{bytes}.first(bytes.size() - 1)));
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    auto damaged = bytes;
    damaged[at] ^= std::byte{16};
    EXPECT_FALSE(make_policy("predictive")->learn(damaged)) << at;
  }
  EXPECT_TRUE(make_policy("lru")->learned().empty());
}

}  // namespace
}  // namespace chromatin::kv
