#include "kv/eviction.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

constexpr std::uint64_t all = ~std::uint64_t{0};

chunk_key key(std::uint64_t n) { return {0, n}; }

/// Arrivals of a chain, head first, each safe below at once.
void store(lru_policy& policy, std::initializer_list<std::uint64_t> chain) {
  std::uint32_t depth = 0;
  for (auto n : chain) {
    policy.insert(key(n), {.depth = depth++, .bytes = 10});
    policy.safe_below(key(n), true);
  }
}

void touch(lru_policy& policy, std::initializer_list<std::uint64_t> chain) {
  std::vector<chunk_key> keys;
  for (auto n : chain) keys.push_back(key(n));
  policy.touch(keys, {});
}

std::vector<std::uint64_t> victims(const lru_policy& policy, std::uint64_t bytes = all) {
  std::vector<std::uint64_t> result;
  for (auto k : policy.victims(bytes, 0)) result.push_back(k.low);
  return result;
}

using order = std::vector<std::uint64_t>;

TEST(LruPolicy, TheOldestChainGoesFirstTailBeforeHead) {
  lru_policy policy;
  store(policy, {1, 2, 3});
  touch(policy, {1, 2, 3});
  store(policy, {11, 12});
  touch(policy, {11, 12});
  EXPECT_EQ(victims(policy), (order{3, 2, 1, 12, 11}));
  EXPECT_EQ(victims(policy, 25), (order{3, 2, 1})) << "no more than are needed";
  EXPECT_TRUE(victims(policy, 0).empty());
}

TEST(LruPolicy, ChunksThatArriveOneByOneGoTailBeforeHeadToo) {
  lru_policy policy;
  store(policy, {1, 2, 3});
  EXPECT_EQ(victims(policy), (order{3, 2, 1}));
}

TEST(LruPolicy, AUseMovesAChainToTheEnd) {
  lru_policy policy;
  store(policy, {1});
  store(policy, {2});
  touch(policy, {2});
  touch(policy, {1, 99});  // 99 is not here
  EXPECT_EQ(victims(policy), (order{2, 1}));
}

TEST(LruPolicy, PinnedAndUnsafeChunksStay) {
  lru_policy policy;
  store(policy, {1, 2});
  policy.insert(key(3), {.depth = 2, .bytes = 10});
  EXPECT_EQ(victims(policy), (order{2, 1})) << "3 is nowhere else";
  policy.pin(key(2));
  policy.pin(key(2));
  policy.unpin(key(2));
  EXPECT_EQ(victims(policy), (order{1})) << "2 is pinned once more";
  EXPECT_EQ(policy.evictable_bytes(), 10u);
  policy.unpin(key(2));
  policy.safe_below(key(1), false);
  EXPECT_EQ(victims(policy), (order{2}));
}

TEST(LruPolicy, WhatIsRetiredGoesFirstUnlessItIsUsedAgain) {
  lru_policy policy;
  store(policy, {1, 2});
  store(policy, {11});
  touch(policy, {11});
  policy.retire(key(11));
  EXPECT_EQ(victims(policy).front(), 11u);
  touch(policy, {11});
  EXPECT_EQ(victims(policy).back(), 11u);
  policy.retire(key(99));  // unknown: nothing happens
}

TEST(LruPolicyDeathTest, CountsThatDoNotBalanceEndTheProgram) {
  lru_policy policy;
  store(policy, {1});
  EXPECT_DEATH(policy.unpin(key(1)), "unpinned as often");
  EXPECT_DEATH(policy.insert(key(1), {}), "arrives once");
  EXPECT_DEATH(policy.erase(key(2)), "chunks it knows");
  policy.pin(key(1));
  EXPECT_DEATH(policy.erase(key(1)), "pinned chunk stays");
}

TEST(LruPolicy, TheSetOfThoseThatMayGoIsRightAfterAnyCalls) {
  std::mt19937 random{7};
  lru_policy policy;
  struct known {
    std::uint32_t pins = 0;
    bool safe = false;
  };
  std::map<std::uint64_t, known> model;
  for (int step = 0; step < 5000; ++step) {
    auto n = random() % 20;
    auto found = model.find(n);
    if (found == model.end()) {
      policy.insert(key(n), {.depth = static_cast<std::uint32_t>(n), .bytes = 1});
      model[n] = {};
      continue;
    }
    switch (random() % 6) {
      case 0:
        policy.pin(key(n)), ++found->second.pins;
        break;
      case 1:
        if (found->second.pins > 0) policy.unpin(key(n)), --found->second.pins;
        break;
      case 2:
        policy.safe_below(key(n), found->second.safe = random() % 4 != 0);
        break;
      case 3:
        touch(policy, {n});
        break;
      case 4:
        policy.retire(key(n));
        break;
      default:
        if (found->second.pins == 0) policy.erase(key(n)), model.erase(found);
    }
    auto may_go =
        std::count_if(model.begin(), model.end(), [](const auto& m) { return m.second.pins == 0 && m.second.safe; });
    ASSERT_EQ(policy.victims(all, 0).size(), static_cast<std::size_t>(may_go)) << step;
    ASSERT_EQ(policy.evictable_bytes(), static_cast<std::uint64_t>(may_go)) << step;
  }
}

}  // namespace
}  // namespace chromatin::kv
