#include "model/quantise.hpp"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "model/block_quants.hpp"

namespace chromatin::model {
namespace {

std::vector<float> normal_values(std::size_t count, float mean = 0) {
  std::mt19937 random{5};
  std::normal_distribution<float> normal{mean, 0.02f};
  std::vector<float> values(count);
  for (auto& v : values) v = normal(random);
  return values;
}

std::vector<float> through(element type, const std::vector<float>& values) {
  std::vector<std::byte> blocks(row_bytes(type, values.size()));
  std::vector<float> back(values.size());
  quantise(type, values, blocks);
  blocks_to_f32(type, blocks, back);
  return back;
}

/// Root mean square of what was lost, in parts of the values'.
double relative_error(element type, const std::vector<float>& values) {
  auto back = through(type, values);
  double lost = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    lost += std::pow(double{values[i]} - double{back[i]}, 2);
    all += std::pow(double{values[i]}, 2);
  }
  return std::sqrt(lost / all);
}

TEST(Quantise, ErrorsOfNormalWeightsAreSmall) {
  auto values = normal_values(1 << 16);
  EXPECT_LT(relative_error(element::q8_0, values), 0.0060);
  EXPECT_LT(relative_error(element::q4_0, values), 0.090);
  EXPECT_LT(relative_error(element::q4_k, values), 0.075);
}

TEST(Quantise, AMinimumTakesWhatAllValuesHaveInCommon) {
  std::vector<float> values = normal_values(4096, -0.05f);
  EXPECT_LT(relative_error(element::q4_k, values), 0.6 * relative_error(element::q4_0, values));
}

TEST(Quantise, WhatTheFormatHoldsComesBack) {
  std::vector<float> values(512);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 16) - 8;
  EXPECT_EQ(through(element::q4_0, values), values);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(static_cast<int>(i * 37 % 255) - 127);
  for (std::size_t i = 0; i < values.size(); i += 32) values[i] = 127;
  EXPECT_EQ(through(element::q8_0, values), values);
}

TEST(Quantise, ZerosStayZeros) {
  std::vector<float> zeros(256);
  for (auto type : {element::q8_0, element::q4_0, element::q4_k}) EXPECT_EQ(through(type, zeros), zeros);
}

TEST(Quantise, PositiveAndNegativeGroupsShareABlock) {
  auto values = normal_values(256);
  for (std::size_t i = 0; i < 32; ++i) values[i] = std::abs(values[i]);
  for (std::size_t i = 32; i < 64; ++i) values[i] = -std::abs(values[i]) * 10;
  EXPECT_LT(relative_error(element::q4_k, values), 0.07);
}

TEST(Quantise, RowsTakeTheLargestBlocksThatFit) {
  EXPECT_EQ(q4_kind(2048), element::q4_k);
  EXPECT_EQ(q4_kind(576), element::q4_0);
  EXPECT_EQ(q4_kind(48), element::other);
}

}  // namespace
}  // namespace chromatin::model
