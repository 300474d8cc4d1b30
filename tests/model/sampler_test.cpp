// Which token follows from logits, and how likely it was.

#include "model/sampler.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

namespace chromatin::model {
namespace {

using token_list = std::vector<kv::token_id>;

/// Of `count` tokens from the same logits.
token_list draw(sampler& from, const std::vector<float>& logits, int count) {
  token_list all;
  for (int i = 0; i < count; ++i) all.push_back(from.next(logits).value());
  return all;
}

std::vector<float> noise(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::vector<float> logits(size);
  for (auto& logit : logits) logit = std::normal_distribution<float>{0, 2}(random);
  return logits;
}

TEST(Sampler, GreedyTakesTheLikeliest) {
  std::vector<float> logits{0, 3, 1, 3};
  EXPECT_EQ(sampler{{}}.next(logits), 1u);
  EXPECT_EQ(sampler{{}}.next(std::vector<float>{-3, -1, -2, -1}), 1u);
  EXPECT_EQ(sampler{{}}.next(std::vector<float>{-0.0f, 0.0f, -1}), 0u);
}

TEST(Sampler, TheSameSeedGivesTheSameTokensAndTheirFrequenciesFit) {
  std::vector<float> logits{0, 1, 2};
  sampler a{{.temperature = 1, .seed = 7}}, b{{.temperature = 1, .seed = 7}};
  std::vector<int> counts(3);
  for (int i = 0; i < 20000; ++i) {
    auto token = a.next(logits);
    ASSERT_EQ(token, b.next(logits));
    ++counts.at(token.value());
  }
  EXPECT_NEAR(counts[0] / 20000.0, 0.0900, 0.012);
  EXPECT_NEAR(counts[1] / 20000.0, 0.2447, 0.018);
  EXPECT_NEAR(counts[2] / 20000.0, 0.6652, 0.02);
}

TEST(Sampler, TopKAndTopPLeaveOutTheUnlikely) {
  std::vector<float> logits{0, 1, 2, -5};
  sampler top_k{{.temperature = 2, .top_k = 2, .seed = 1}}, top_p{{.temperature = 1, .top_p = 0.6f, .seed = 1}};
  for (int i = 0; i < 500; ++i) {
    EXPECT_GE(top_k.next(logits), 1u);
    EXPECT_EQ(top_p.next(logits), 2u);
  }
}

TEST(Sampler, LogitsThatAreNotFiniteGiveNoToken) {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  for (auto bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity})
    for (const auto& how : {sampling{}, sampling{.temperature = 1, .top_k = 2}})
      EXPECT_EQ(sampler{how}.next(std::vector<float>{0, 3, bad, 1}), std::nullopt);
}

TEST(Sampler, NoSettingLeavesNothingToChoose) {
  std::vector<float> logits{0, 3, 1};
  for (auto top_p : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ((sampler{{.temperature = 1, .top_p = top_p}}.next(logits)), 1u);
  EXPECT_EQ((sampler{{.temperature = 1e-38f}}.next(logits)), 1u);
}

TEST(Sampler, WhatAsksForNothingChangesNoToken) {
  for (float temperature : {0.0f, 0.7f, 1.5f}) {
    sampling plain{.temperature = temperature, .top_p = 0.95f, .seed = 3}, same = plain;
    same.min_p = 0;
    same.less = {.repeat = 1, .presence = 0, .frequency = 0, .last_n = 500};
    same.likelihoods = 5;
    sampler a{plain}, b{same};
    for (int i = 0; i < 200; ++i) {
      auto logits = noise(300, static_cast<std::uint64_t>(i));
      ASSERT_EQ(a.next(logits), b.next(logits)) << i;
    }
  }
  sampling last_none{.less = {.repeat = 5, .presence = 2, .frequency = 2, .last_n = 0}};
  sampler none{last_none};
  EXPECT_EQ(draw(none, {0, 1, 0.9f}, 3), (token_list{1, 1, 1}));
}

TEST(Sampler, TheTokensOfASeedAreTheseForGood) {
  sampler s{{.temperature = 1, .top_p = 0.9f, .seed = 42}};
  EXPECT_EQ(draw(s, noise(1000, 1), 6), (token_list{494, 500, 933, 915, 320, 929}));
}

TEST(Sampler, WithoutTopKItDrawsFromTheWholeVocabularyAsItDoesWithAllOfIt) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    auto logits = noise(700, seed);
    for (auto& logit : logits) logit = std::round(logit * 2) / 2;  // many are equal, some are -0
    logits.push_back(-1e30f);                                      // weighs nothing
    sampler digits{{.temperature = 1.2f, .top_p = 0.97f, .seed = seed}};
    sampler compared{{.temperature = 1.2f, .top_k = 700, .top_p = 0.97f, .seed = seed}};
    EXPECT_EQ(draw(digits, logits, 20), draw(compared, logits, 20)) << seed;
  }
}

TEST(Sampler, MinPLeavesOutWhatIsLessLikelyThanAShareOfTheLikeliest) {
  std::vector<float> logits{0, std::log(2.0f), std::log(10.0f), std::log(4.0f)};
  sampler s{{.temperature = 1, .seed = 1, .min_p = 0.3f}};
  for (auto token : draw(s, logits, 500)) EXPECT_GE(token, 2u);
  sampler hot{
      {.temperature = 2, .seed = 1, .min_p = 0.4f}};  // of what the temperature makes of it: 0.32, 0.45, 1, 0.63
  bool second = false;
  for (auto token : draw(hot, logits, 500)) {
    EXPECT_NE(token, 0u);
    second |= token == 1;
  }
  EXPECT_TRUE(second);
  sampler only{{.temperature = 1, .seed = 1, .min_p = 1}};
  EXPECT_EQ(draw(only, logits, 3), (token_list{2, 2, 2}));
}

TEST(Sampler, ARepeatPenaltyDividesWhatIsPositiveAndMultipliesWhatIsNot) {
  sampling how{.less = {.repeat = 2}};
  sampler positive{how, token_list{0}}, negative{how, token_list{0}};
  EXPECT_EQ(positive.next(std::vector<float>{1.9f, 1, 0}), 1u);
  EXPECT_EQ(negative.next(std::vector<float>{-1, -1.5f, -3}), 1u);
  sampler not_enough{how, token_list{0}};
  EXPECT_EQ(not_enough.next(std::vector<float>{2.1f, 1, 0}), 0u);
}

TEST(Sampler, PresenceCountsOnceAndFrequencyEachTime) {
  std::vector<float> logits{10, 9.5f, 9};
  sampler presence{{.less = {.presence = 0.6f}}}, frequency{{.less = {.frequency = 0.3f}}};
  EXPECT_EQ(draw(presence, logits, 5), (token_list{0, 1, 0, 0, 0}));
  EXPECT_EQ(draw(frequency, logits, 6), (token_list{0, 0, 1, 0, 1, 0}));
}

TEST(Sampler, OnlyTheLastTokensCountForPenalties) {
  sampling how{.less = {.presence = 5, .last_n = 2}};
  sampler s{how, token_list{0, 1, 2}};  // 1 and 2 count
  EXPECT_EQ(draw(s, {3, 2, 1}, 5), (token_list{0, 1, 2, 0, 1}));
}

TEST(Sampler, ABiasMakesATokenMoreOrLessLikely) {
  sampler more{{.biases = {{2, 5}}}}, less{{.biases = {{1, -100}, {2, -100}}}};
  EXPECT_EQ(more.next(std::vector<float>{0, 3, 1}), 2u);
  EXPECT_EQ(less.next(std::vector<float>{0, 3, 1}), 0u);
}

TEST(Sampler, LogitsThatPenaltiesMakeHugeStillGiveAToken) {
  sampler s{{.less = {.repeat = 100}}, token_list{0, 1, 2}};
  EXPECT_TRUE(s.next(std::vector<float>{-3e38f, -3e38f, -3e38f}));
}

TEST(Sampler, GoesOnBehindTokensThatWereDrawnAsIfItHadDrawnThem) {
  token_list prompt(100);
  std::iota(prompt.begin(), prompt.end(), 0);
  sampling how{.temperature = 0.8f, .top_p = 0.9f, .seed = 5, .min_p = 0.01f};
  how.less = {.repeat = 1.3f, .presence = 0.5f, .frequency = 0.4f, .last_n = 40};
  sampler whole{how, prompt};
  token_list drawn;
  for (int i = 0; i < 60; ++i) {
    auto logits = noise(200, static_cast<std::uint64_t>(i));
    sampler rebuilt{how, std::span{prompt}.last(40), drawn};
    auto token = whole.next(logits);
    ASSERT_EQ(rebuilt.next(logits), token) << i;
    drawn.push_back(token.value());
  }
}

TEST(Sampler, ATokensLikelihoodIsTheModelsWhateverIsDrawn) {
  std::vector<float> logits{std::log(1.0f), std::log(2.0f), std::log(5.0f), std::log(2.0f)};
  sampling how{.temperature = 0.1f, .less = {.presence = 100}, .biases = {{0, 90}}, .likelihoods = 3};
  sampler s{how};
  EXPECT_EQ(s.next(logits), 0u);
  const auto& told = *s.likelihood();
  EXPECT_EQ(told.token, 0u);
  EXPECT_NEAR(std::exp(told.logarithm), 0.1, 1e-5);
  ASSERT_EQ(told.likeliest.size(), 3u);
  EXPECT_EQ(told.likeliest[0].first, 2u);
  EXPECT_NEAR(std::exp(told.likeliest[0].second), 0.5, 1e-5);
  EXPECT_EQ(told.likeliest[1].first, 1u);
  EXPECT_EQ(told.likeliest[2].first, 3u);
  sampler silent{{}}, alone{{.likelihoods = 0}};
  silent.next(logits), alone.next(logits);
  EXPECT_EQ(silent.likelihood(), nullptr);
  EXPECT_TRUE(alone.likelihood()->likeliest.empty());
}

}  // namespace
}  // namespace chromatin::model
