// What holds for every policy, and lru.

#include <algorithm>
#include <map>
#include <random>
#include <stdexcept>

#include <gtest/gtest.h>

#include "tests/kv/policy_calls.hpp"

namespace chromatin::kv {
namespace {

TEST(LruPolicy, TheOldestChainGoesFirstTailBeforeHead) {
  auto made = make_policy("lru");
  auto& policy = *made;
  store(policy, {1, 2, 3});
  touch(policy, {1, 2, 3});
  store(policy, {11, 12});
  touch(policy, {11, 12});
  EXPECT_EQ(victims(policy), (order{3, 2, 1, 12, 11}));
  EXPECT_EQ(victims(policy, 25), (order{3, 2, 1})) << "no more than are needed";
  EXPECT_TRUE(victims(policy, 0).empty());
}

TEST(LruPolicy, ChunksThatArriveOneByOneGoTailBeforeHeadToo) {
  auto made = make_policy("lru");
  auto& policy = *made;
  store(policy, {1, 2, 3});
  EXPECT_EQ(victims(policy), (order{3, 2, 1}));
}

TEST(LruPolicy, AUseMovesAChainToTheEnd) {
  auto made = make_policy("lru");
  auto& policy = *made;
  store(policy, {1});
  store(policy, {2});
  touch(policy, {2});
  touch(policy, {1, 99});  // 99 is not here
  EXPECT_EQ(victims(policy), (order{2, 1}));
}

TEST(LruPolicy, PinnedAndUnsafeChunksStay) {
  auto made = make_policy("lru");
  auto& policy = *made;
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
  auto made = make_policy("lru");
  auto& policy = *made;
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
  auto made = make_policy("lru");
  auto& policy = *made;
  store(policy, {1});
  EXPECT_DEATH(policy.unpin(key(1)), "unpinned as often");
  EXPECT_DEATH(policy.insert(key(1), {}), "arrives once");
  EXPECT_DEATH(policy.erase(key(2)), "chunks it knows");
  policy.pin(key(1));
  EXPECT_DEATH(policy.erase(key(1)), "pinned chunk stays");
}

/// Belady's future: the greater the key, the later.
struct by_key final : foresight {
  std::int64_t next_use(chunk_key key) const override { return static_cast<std::int64_t>(key.low); }
};

class EveryPolicy : public testing::TestWithParam<std::string> {
 protected:
  by_key future;
  std::unique_ptr<eviction_policy> made = make_policy(GetParam(), {.future = &future});
  eviction_policy& policy = *made;
};

INSTANTIATE_TEST_SUITE_P(Names, EveryPolicy, testing::ValuesIn(policy_names(true)),
                         [](const auto& of) { return of.param; });

TEST_P(EveryPolicy, PinnedAndUnsafeChunksStay) {
  store(policy, {1, 2});
  policy.insert(key(3), {.depth = 2, .bytes = 10});
  policy.pin(key(2));
  policy.pin(key(2));
  policy.unpin(key(2));
  EXPECT_EQ(victims(policy), (order{1})) << "2 is pinned, and 3 is nowhere else";
  EXPECT_EQ(policy.pins(key(2)), 1U);
  policy.unpin(key(2));
  policy.safe_below(key(1), false);
  EXPECT_EQ(victims(policy), (order{2}));
}

TEST_P(EveryPolicy, OfAChainTheTailGoesBeforeTheHead) {
  store(policy, {1, 2, 3});
  chain_use use{.now_us = 1, .conversation = 1, .turn = 1, .prompt_tokens = 150, .answer_tokens = 20, .settled = true};
  std::vector<chunk_key> chain{key(1), key(2), key(3)};
  policy.touch(chain, use);
  EXPECT_EQ(victims(policy), (order{3, 2, 1}));
  EXPECT_EQ(victims(policy, 15), (order{3, 2})) << "no more than are needed";
}

TEST_P(EveryPolicy, WhatIsRetiredGoesFirstUnlessItIsUsedAgain) {
  store(policy, {1, 2});
  policy.retire(key(1));
  EXPECT_EQ(victims(policy), (order{1, 2}));
  touch(policy, {1});
  policy.retire(key(2));
  EXPECT_EQ(victims(policy), (order{2, 1}));
  policy.retire(key(99));  // unknown: nothing happens
}

TEST_P(EveryPolicy, RetentionIsAnOrderAndDecays) {
  auto settle = [&](std::uint64_t n, std::uint8_t priority, std::int64_t ttl_us) {
    touch(policy, {n}, {.now_us = 1, .conversation = n, .settled = true, .keep = {priority, ttl_us}});
  };
  store(policy, {1});
  store(policy, {2});
  store(policy, {3});
  settle(1, 90, 1000);
  settle(2, 10, 1000);
  settle(3, 50, 1000);
  EXPECT_EQ(victims(policy), (order{2, 3, 1}));
  EXPECT_EQ(policy.victims(all, 2000).size(), 3U) << "kept is not pinned";
  settle(3, 60, 4000);
  settle(1, 90, 4000);
  EXPECT_EQ(policy.victims(all, 3000).back(), key(1)) << "half of it decayed: 20 above the usual";
  settle(3, 80, 1'000'000);
  EXPECT_EQ(policy.victims(all, 3600).back(), key(3));
  auto plain = make_policy(GetParam(), {.future = &future});
  store(*plain, {1});
  store(*plain, {2});
  store(*plain, {3});
  for (std::uint64_t n : {1, 2, 3, 3, 1, 3}) touch(*plain, {n}, {.now_us = 1, .conversation = n, .settled = true});
  EXPECT_EQ(policy.victims(all, 2'000'000), plain->victims(all, 2'000'000)) << "nothing is left of it";
}

/// What a turn saves when it settles arrives when its use was told.
TEST_P(EveryPolicy, WhatIsSavedAfterItsUseStandsWithItsChain) {
  if (GetParam() == "fifo") GTEST_SKIP() << "by arrival, whatever the chain";
  store(policy, {1});
  touch(policy, {1, 2}, {.now_us = 1, .conversation = 1, .settled = true});
  store(policy, {11});
  touch(policy, {11}, {.now_us = 2, .conversation = 11, .settled = true});
  policy.insert(key(2), {.depth = 1, .bytes = 10});
  policy.safe_below(key(2), true);
  auto before = make_policy(GetParam(), {.future = &future});
  store(*before, {1, 2});
  touch(*before, {1, 2}, {.now_us = 1, .conversation = 1, .settled = true});
  store(*before, {11});
  touch(*before, {11}, {.now_us = 2, .conversation = 11, .settled = true});
  EXPECT_EQ(victims(policy), victims(*before));
}

TEST_P(EveryPolicy, WhatIsRetiredBeforeItIsSavedGoesFirst) {
  store(policy, {1});
  policy.retire(key(2));
  policy.retire(key(3));
  touch(policy, {3});
  policy.insert(key(4), {.depth = 1, .bytes = 10, .loaded = true});
  policy.safe_below(key(4), true);
  store(policy, {2});
  EXPECT_EQ(victims(policy).front(), 2u);
  policy.erase(key(2));
  store(policy, {3});
  EXPECT_NE(victims(policy, 1), order{3}) << "a use takes it back";
}

TEST_P(EveryPolicy, WhatIsSavedAfterItsUseIsRetainedAsItSays) {
  auto use = [&](std::uint64_t n, std::uint8_t priority) {
    touch(policy, {n}, {.now_us = 1, .conversation = n, .settled = true, .keep = {priority, 1000}});
  };
  use(1, 90), use(2, 10), use(3, 50);
  for (auto n : {3, 2, 1}) store(policy, {static_cast<std::uint64_t>(n)});
  EXPECT_EQ(victims(policy), (order{2, 3, 1}));
}

TEST(LruPolicy, WhatIsLoadedAheadOfItsNextUseIsYoung) {
  auto made = make_policy("lru");
  auto& policy = *made;
  touch(policy, {1});
  store(policy, {2});
  touch(policy, {2});
  touch(policy, {3});
  policy.insert(key(1), {.bytes = 10, .loaded = true});
  policy.safe_below(key(1), true);
  EXPECT_EQ(victims(policy), (order{2, 1}));
}

TEST(MakePolicy, ANameThatIsNotThereIsToldWithThoseThatAre) {
  auto says = [](const char* name) {
    try {
      make_policy(name);
      return std::string{};
    } catch (const std::invalid_argument& e) {
      return std::string{e.what()};
    }
  };
  EXPECT_EQ(says("lur"), "there is no policy 'lur'; there are fifo, lru, lfu, lookahead, predictive");
  EXPECT_NE(says("belady").find("is told the future"), std::string::npos);
}

TEST_P(EveryPolicy, TheSetOfThoseThatMayGoIsRightAfterAnyCalls) {
  std::mt19937 random{7};
  struct known {
    std::uint32_t pins = 0;
    bool safe = false;
  };
  std::map<std::uint64_t, known> model;
  std::int64_t now_us = 0;
  for (int step = 0; step < 5000; ++step) {
    now_us += random() % 4'000'000;
    auto n = random() % 20;
    auto found = model.find(n);
    if (found == model.end()) {
      policy.insert(key(n), {.depth = static_cast<std::uint32_t>(n), .bytes = 1});
      model[n] = {};
      continue;
    }
    switch (random() % 8) {
      case 0:
        policy.pin(key(n)), ++found->second.pins;
        break;
      case 1:
        if (found->second.pins > 0) policy.unpin(key(n)), --found->second.pins;
        break;
      case 2:
        policy.safe_below(key(n), found->second.safe = random() % 4 != 0);
        break;
      case 3: {
        std::vector<chunk_key> chain;
        for (auto k = n; k < 20; k += 1 + random() % 4) chain.push_back(key(k));
        policy.touch(chain, {.now_us = now_us,
                             .conversation = random() % 4,
                             .turn = random() % 3,
                             .prompt_tokens = static_cast<std::uint32_t>(random() % 1000),
                             .answer_tokens = static_cast<std::uint32_t>(random() % 100),
                             .settled = random() % 2 == 0,
                             .keep = {static_cast<std::uint8_t>(random() % 101),
                                      static_cast<std::int64_t>(random() % 3 * 10'000'000)}});
        break;
      }
      case 5: {
        std::vector<upcoming_turn> upcoming(random() % 3);
        for (auto& turn : upcoming) turn = {.keys = {key(random() % 20), key(random() % 20)}};
        policy.hint(upcoming, now_us);
        break;
      }
      case 6:
        policy.retire(key(n));
        break;
      case 4:
        touch(policy, {n});
        break;
      default:
        if (found->second.pins == 0) policy.erase(key(n)), model.erase(found);
    }
    auto may_go =
        std::count_if(model.begin(), model.end(), [](const auto& m) { return m.second.pins == 0 && m.second.safe; });
    ASSERT_EQ(policy.victims(all, now_us).size(), static_cast<std::size_t>(may_go)) << step;
    ASSERT_EQ(policy.evictable_bytes(), static_cast<std::uint64_t>(may_go)) << step;
  }
}

}  // namespace
}  // namespace chromatin::kv
