// A row's likeliest tokens give the token that the whole row gives, or say that they do not know.

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "model/sampler.hpp"

namespace chromatin::model {
namespace {

/// What a device tells of a row.
struct row {
  std::vector<float> logits;
  std::vector<std::pair<float, kv::token_id>> likeliest;
  double sum = 0, tempered_sum = 0;

  /// `off`: by what share the sums are wrong.
  row(std::vector<float> of, float temperature, std::size_t count, double off = 0) : logits{std::move(of)} {
    for (std::size_t i = 0; i < logits.size(); ++i) likeliest.emplace_back(logits[i], static_cast<kv::token_id>(i));
    std::stable_sort(likeliest.begin(), likeliest.end(), [](auto a, auto b) { return a.first > b.first; });
    likeliest.resize(std::min(count, likeliest.size()));
    for (auto logit : logits) {
      auto under = static_cast<double>(logit) - likeliest.front().first;
      sum += std::exp(under) * (1 + off);
      tempered_sum += std::exp(under / temperature) * (1 + off);
    }
  }
  shortlist list() const {
    return {.likeliest = likeliest, .vocabulary = logits.size(), .sum = sum, .tempered_sum = tempered_sum};
  }
};

std::vector<float> noise(std::size_t size, float wide, std::mt19937_64& random) {
  std::vector<float> logits(size);
  for (auto& logit : logits) logit = std::normal_distribution<float>{0, wide}(random);
  return logits;
}

/// How many of the rows were known. All tokens are the whole rows', and so is every one that is drawn behind them.
int known_of(const sampling& how, std::size_t vocabulary, float wide, std::size_t count, int rows) {
  sampler whole{how}, lists{how};
  std::mt19937_64 random{how.seed};
  int known = 0;
  for (int i = 0; i < rows; ++i) {
    const row r{noise(vocabulary, wide, random), how.temperature, count, (i % 3 - 1) * 0.8 * shortlist::sum_error};
    auto pick = lists.next(r.list());
    auto expected = whole.next(r.logits);
    known += pick.known;
    if (!pick.known) pick.token = lists.next(r.logits);
    EXPECT_EQ(pick.token, expected) << "row " << i;
    if (pick.token != expected) break;
  }
  return known;
}

TEST(SamplerShortlist, TheLikeliestGiveTheTokenOfTheWholeRow) {
  EXPECT_EQ(known_of({.temperature = 0}, 900, 2, 16, 200), 200);
  EXPECT_EQ(known_of({.temperature = 0.9f, .top_k = 40, .top_p = 0.9f, .seed = 1, .min_p = 0.02f}, 900, 2, 40, 500),
            500);
  EXPECT_EQ(known_of({.temperature = 1.3f, .seed = 2}, 60, 2, 256, 500), 500);
  EXPECT_GT(known_of({.temperature = 0.8f, .top_p = 0.9f, .seed = 3}, 900, 4, 128, 400), 360);
  EXPECT_GT(known_of({.temperature = 1, .seed = 4, .min_p = 0.05f}, 900, 4, 64, 400), 360);
  EXPECT_GT(known_of({.temperature = 1, .seed = 5}, 900, 4, 128, 400), 360);
  EXPECT_GT(known_of({.temperature = 0.7f, .seed = 6}, 900, 2, 128, 400), 280);
}

TEST(SamplerShortlist, WhatTheLikeliestDoNotSayIsNotKnownAndNothingIsLost) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    EXPECT_LT(known_of({.temperature = 1, .top_p = 0.95f, .seed = seed}, 900, 0.5f, 64, 200), 60);
    EXPECT_EQ(known_of({.temperature = 1, .top_k = 65, .seed = seed}, 900, 2, 64, 20), 0);
    EXPECT_EQ(known_of({.temperature = 1, .seed = seed, .min_p = 1e-6f}, 900, 0.5f, 64, 20), 0);
    EXPECT_EQ(known_of({.temperature = 1, .seed = seed, .less = {.repeat = 1.1f}}, 90, 2, 64, 20), 0);
    EXPECT_EQ(known_of({.temperature = 1, .seed = seed, .biases = {{3, 1}}}, 90, 2, 64, 20), 0);
    EXPECT_EQ(known_of({.temperature = 0, .seed = seed, .likelihoods = 65}, 90, 2, 64, 20), 0);
  }
}

/// With two tokens of nearly the same weight, a wrong sum decides whether top_p wants the second.
TEST(SamplerShortlist, ASumThatMayBeWrongDoesNotDecide) {
  std::vector<float> logits(300, -20.0f);
  logits[7] = logits[9] = 0;
  sampling how{.temperature = 1, .top_p = 0.5f, .seed = 1};
  const row r{logits, 1, 64};
  sampler s{how};
  EXPECT_FALSE(s.next(r.list()).known);
  how.top_p = 0.49f;
  EXPECT_EQ(sampler{how}.next(r.list()).token, 7u);
}

TEST(SamplerShortlist, EqualLogitsAreTakenInTheOrderOfTokens) {
  std::vector<float> logits(500, 1.0f);
  sampling how{.temperature = 1, .top_k = 20, .seed = 3};
  const row r{logits, 1, 64};
  sampler whole{how}, lists{how};
  for (int i = 0; i < 300; ++i) ASSERT_EQ(lists.next(r.list()).token, whole.next(logits));
}

TEST(SamplerShortlist, LogitsThatAreNotFiniteGiveNoToken) {
  const row r{{0, 3, 1}, 1, 2};
  auto list = r.list();
  list.finite = false;
  auto pick = sampler{{}}.next(list);
  EXPECT_TRUE(pick.known);
  EXPECT_EQ(pick.token, std::nullopt);
}

TEST(SamplerShortlist, ATemperatureWithoutAnInverseTakesTheWholeRow) {
  auto temperature = 1e-40f;
  row r{{0, 3, 1, 2}, 1, 2};
  r.tempered_sum = std::numeric_limits<double>::quiet_NaN();
  sampler s{{.temperature = temperature}};
  EXPECT_FALSE(s.next(r.list()).known);
  EXPECT_EQ(s.next(r.logits), 1u);
}

TEST(SamplerShortlist, LikelihoodsAreThoseOfTheWholeRow) {
  sampling how{.temperature = 0.8f, .top_k = 30, .seed = 9, .likelihoods = 5};
  sampler whole{how}, lists{how};
  std::mt19937_64 random{4};
  for (int i = 0; i < 50; ++i) {
    const row r{noise(700, 2, random), how.temperature, 64};
    ASSERT_EQ(lists.next(r.list()).token, whole.next(r.logits));
    const auto &a = *lists.likelihood(), &b = *whole.likelihood();
    EXPECT_EQ(a.token, b.token);
    EXPECT_NEAR(a.logarithm, b.logarithm, 1e-4);
    ASSERT_EQ(a.likeliest.size(), b.likeliest.size());
    for (std::size_t j = 0; j < a.likeliest.size(); ++j) {
      EXPECT_EQ(a.likeliest[j].first, b.likeliest[j].first);
      EXPECT_NEAR(a.likeliest[j].second, b.likeliest[j].second, 1e-4);
    }
  }
}

}  // namespace
}  // namespace chromatin::model
