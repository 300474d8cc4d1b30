// Load or recompute, chunk by chunk.

#include "kv/load_choice.hpp"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

std::vector<std::uint32_t> chain(std::size_t chunks) { return std::vector<std::uint32_t>(chunks, 64); }

auto at_us_per_chunk(double us) {
  return [us](std::size_t count) { return us * static_cast<double>(count); };
}

TEST(LoadChoice, WhatComputingCostsIsNotKnownSoAllIsLoaded) {
  EXPECT_EQ(chunks_to_load(chain(10), {}, at_us_per_chunk(1e9)), 10u);
}

TEST(LoadChoice, AFastDiskDeliversAll) { EXPECT_EQ(chunks_to_load(chain(10), {100, 1}, at_us_per_chunk(500)), 10u); }

TEST(LoadChoice, AVerySlowDiskDeliversNothing) {
  EXPECT_EQ(chunks_to_load(chain(10), {1, 1}, at_us_per_chunk(1e6)), 0u);
}

TEST(LoadChoice, OfADiskThatIsAsFastAsComputingHalfIsLoadedWhileTheOtherHalfIsComputed) {
  EXPECT_EQ(chunks_to_load(chain(10), {1, 0}, at_us_per_chunk(64)), 5u);
}

TEST(LoadChoice, WhatIsComputedInAnyCaseLeavesTimeToLoad) {
  EXPECT_EQ(chunks_to_load(chain(10), {1, 640}, at_us_per_chunk(64)), 10u);
}

TEST(LoadChoice, TheLatencyOfADiskThatIsWorthNothingElseIsNotPaid) {
  auto slow_to_begin = [](std::size_t count) { return 5000 + static_cast<double>(count); };
  EXPECT_EQ(chunks_to_load(chain(10), {1, 1}, slow_to_begin), 0u);
  EXPECT_EQ(chunks_to_load(chain(100), {1, 1}, slow_to_begin), 22u);
}

TEST(LoadChoice, BesideOthersComputingWaitsForWhatIsLoadedSoASlowDiskDeliversNothing) {
  recompute_cost beside_others{.us_per_token = 1, .beside_tokens = 0};
  EXPECT_EQ(chunks_to_load(chain(10), beside_others, at_us_per_chunk(65)), 0u);
  EXPECT_EQ(chunks_to_load(chain(10), beside_others, at_us_per_chunk(63)), 10u);
}

TEST(LoadChoice, OnlyTheFirstStepIsComputedBesideLoading) {
  recompute_cost in_steps{.us_per_token = 1, .tokens_after = 100, .beside_tokens = 256};
  EXPECT_EQ(chunks_to_load(chain(10), in_steps, at_us_per_chunk(128)), 2u) << "a third one is there after the step";
  in_steps.beside_tokens = 740;
  EXPECT_EQ(chunks_to_load(chain(10), in_steps, at_us_per_chunk(128)), 4u);
}

TEST(LoadChoice, WhatIsThereBeforeTheTurnStartsHasCostNothing) {
  recompute_cost later{.us_per_token = 1, .starts_in_us = 430, .beside_tokens = 0};
  EXPECT_EQ(chunks_to_load(chain(10), later, at_us_per_chunk(100)), 4u);
}

TEST(LoadChoice, AHeadThatIsOfNoUseInPartIsLoadedWholeOrNotAtAll) {
  recompute_cost cost{.us_per_token = 1, .head_tokens = 5 * 64};
  EXPECT_EQ(chunks_to_load(chain(10), cost, at_us_per_chunk(96)), 5u);
  EXPECT_EQ(chunks_to_load(chain(10), {.us_per_token = 1}, at_us_per_chunk(96)), 4u);
  EXPECT_EQ(chunks_to_load(chain(10), cost, at_us_per_chunk(200)), 0u);
}

TEST(LoadChoice, ItIsNeverSlowerThanLoadingAllOrComputingAll) {
  std::mt19937_64 random{5};
  auto draw = [&](double most) { return std::uniform_real_distribution{0.0, most}(random); };
  for (int i = 0; i < 1000; ++i) {
    auto tokens = chain(random() % 30);
    recompute_cost cost{0.1 + draw(100), static_cast<std::uint32_t>(random() % 500)};
    auto latency = draw(1e4), per_chunk = draw(1e4);
    auto load_us = [&](std::size_t count) { return latency + per_chunk * static_cast<double>(count); };
    auto us = [&](std::size_t count) {
      auto computed = static_cast<double>(64 * (tokens.size() - count) + cost.tokens_after) * cost.us_per_token;
      return std::max(count == 0 ? 0 : load_us(count), computed);
    };
    auto chosen = us(chunks_to_load(tokens, cost, load_us));
    for (std::size_t count = 0; count <= tokens.size(); ++count) EXPECT_LE(chosen, us(count)) << "round " << i;
  }
}

}  // namespace
}  // namespace chromatin::kv
