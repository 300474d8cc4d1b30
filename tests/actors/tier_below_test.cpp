// What a tier knows of the one below: what was handed down, what is safe there, what was refused.

#include "actors/tier_below.hpp"
#include "tests/actors/idle_tier.hpp"

namespace chromatin::test {
namespace {

struct TierBelow : testing::Test {
  kv::chunk_key key(std::uint64_t n) { return {n, 0}; }
  /// How often the chunk was handed down.
  std::uint32_t handed(std::uint64_t n) {
    w.drain();
    return idle.layers_handed_down[key(n)];
  }
  void attach(const key_list& known = {}) {
    below.attach(caf::actor_cast<tier_actor>(w.system.spawn(idle_tier, &idle)), upper_tier_actor{w.device}, known);
  }

  world w;
  idle_tier_state idle;
  std::map<kv::chunk_key, bool> safe;
  tier_below below{{.layers = 1,
                    .chunk_bytes = 4096,
                    .credit_bytes = 2 * 4096,
                    .find = [](kv::chunk_key k) { return chunk{.link = {.key = k, .fill = 1}}; },
                    .safe = [this](kv::chunk_key k, bool is) { safe[k] = is; }}};
};

TEST_F(TierBelow, WithoutOneNothingIsMoreSafeThanItIsHere) {
  below.offer(key(1));
  EXPECT_TRUE(safe[key(1)]);
}

TEST_F(TierBelow, WhatItHasNotSaidToHaveIsNotSafe) {
  safe[key(1)] = true;
  attach({key(1)});
  EXPECT_FALSE(safe[key(1)]);
  below.detach({key(1)});
  EXPECT_TRUE(safe[key(1)]);
}

TEST_F(TierBelow, NoMoreIsOnItsWayThanThereIsCreditForAndItComesBackWithEachAnswer) {
  attach();
  for (auto n : {1, 2, 3, 4}) below.offer(key(n));
  EXPECT_EQ(handed(2), 1u);
  EXPECT_EQ(handed(3), 0u);
  below.on_saved({key(1)});
  EXPECT_EQ(handed(3), 1u);
  below.on_refused({key(2)});
  EXPECT_EQ(handed(4), 1u);
  EXPECT_TRUE(below.is_safe(key(1)));
  EXPECT_TRUE(below.is_refused(key(2)));
}

TEST_F(TierBelow, CreditComesBackWhenAChunkOnItsWayIsForgottenOrTurnsOutToBeThere) {
  attach();
  for (auto n : {1, 2, 3, 4}) below.offer(key(n));
  below.forget(key(1));
  EXPECT_EQ(handed(3), 1u);
  below.is_there(key(2));
  EXPECT_EQ(handed(4), 1u);
  for (auto n : {3, 4}) below.on_saved({key(n)});
  EXPECT_EQ(below.unsafe(), 0u);
}

TEST_F(TierBelow, AChunkWhoseLayersDoNotAllComeIsSentAsAWholeIfItIsHere) {
  attach();
  below.save_layers({{chunk{.link = {.key = key(1), .fill = 1}}}, 0, 1, {}});
  EXPECT_EQ(handed(1), 1u);
  below.give_up(key(1));
  EXPECT_EQ(handed(1), 2u);
  below.on_saved({key(1)});
  EXPECT_EQ(below.unsafe(), 0u);
  below.give_up(key(1));
  EXPECT_EQ(handed(1), 2u) << "it is safe";
}

TEST_F(TierBelow, WhatWasRefusedIsOfferedAgainWhenSomethingElseWasSaved) {
  attach();
  below.offer(key(1));
  below.on_refused({key(1)});
  EXPECT_TRUE(safe[key(1)]) << "it may go, and is lost then";
  below.offer(key(2));
  EXPECT_EQ(handed(1), 1u);
  below.on_saved({key(2)});
  EXPECT_EQ(handed(1), 2u);
}

}  // namespace
}  // namespace chromatin::test
