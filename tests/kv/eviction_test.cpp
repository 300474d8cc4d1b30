#include "kv/eviction.hpp"

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

chunk_key key(std::uint64_t n) { return {0, n}; }
const auto any = [](chunk_key) { return true; };

TEST(LruPolicy, TheOldestChainGoesFirstTailBeforeHead) {
  lru_policy policy;
  std::vector<chunk_key> a{key(1), key(2), key(3)}, b{key(11), key(12)};
  policy.touch(a);
  policy.touch(b);
  std::vector<std::uint64_t> order;
  while (auto victim = policy.victim(any)) {
    order.push_back(victim->low);
    policy.erase(*victim);
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{3, 2, 1, 12, 11}));
}

TEST(LruPolicy, AUseMovesAChainToTheEnd) {
  lru_policy policy;
  std::vector<chunk_key> a{key(1)}, b{key(2)};
  policy.touch(a);
  policy.touch(b);
  policy.touch(a);
  EXPECT_EQ(policy.victim(any), key(2));
}

TEST(LruPolicy, WhatMayNotGoIsPassedOver) {
  lru_policy policy;
  std::vector<chunk_key> a{key(1), key(2)};
  policy.touch(a);
  EXPECT_EQ(policy.victim([](chunk_key k) { return k != key(2); }), key(1));
  EXPECT_FALSE(policy.victim([](chunk_key) { return false; }));
  policy.erase(key(99));  // unknown: nothing happens
}

}  // namespace
}  // namespace chromatin::kv
