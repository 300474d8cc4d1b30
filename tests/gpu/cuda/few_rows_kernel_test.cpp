// Products of few rows against a plain loop.

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/gpu/cuda/device_fixture.hpp"

namespace chromatin::gpu::cuda {
namespace {

class FewRowsKernel : public on_a_device {
 protected:
  struct matrix {
    std::uint32_t outputs, inputs;
    std::vector<std::uint16_t> here;
    fixture_array<std::uint16_t> there;
  };

  matrix random_matrix(std::uint32_t outputs, std::uint32_t inputs) {
    auto here = random_bf16(std::size_t{outputs} * inputs);
    auto there = put(here);
    return {outputs, inputs, std::move(here), std::move(there)};
  }

  /// The products of x's rows with `w`; what stands before and behind their room is not touched.
  template <class T>
  std::vector<T> multiply(const matrix& w, const std::vector<std::uint16_t>& x, product_result result, T before) {
    constexpr std::size_t edge = 16;
    auto rows = static_cast<std::uint32_t>(x.size() / w.inputs);
    auto count = std::size_t{rows} * w.outputs;
    auto x_there = put(x);
    auto y = put(std::vector<T>(count + 2 * edge, before));
    kernels().multiply_few(queue, w.there, w.outputs, w.inputs, x_there, rows, result, y + edge);
    auto all = get(y);
    for (std::size_t i = 0; i < edge; ++i) {
      EXPECT_EQ(all[i], before);
      EXPECT_EQ(all[edge + count + i], before);
    }
    return {all.begin() + edge, all.end() - edge};
  }

  static double dot(const matrix& w, std::size_t output, const std::vector<std::uint16_t>& x, std::size_t row) {
    double sum = 0;
    for (std::size_t i = 0; i < w.inputs; ++i)
      sum += double{widen(x[row * w.inputs + i])} * widen(w.here[output * w.inputs + i]);
    return sum;
  }

  void compare(std::uint32_t outputs, std::uint32_t inputs, std::uint32_t rows) {
    auto w = random_matrix(outputs, inputs);
    auto x = random_bf16(std::size_t{rows} * inputs);
    auto floats = multiply<float>(w, x, product_result::floats, -1);
    auto sums = multiply<float>(w, x, product_result::float_sums, 100);
    auto rounded = multiply<std::uint16_t>(w, x, product_result::bf16, 7);
    auto near = 3e-5 * std::sqrt(inputs);
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t o = 0; o < outputs; ++o) {
        auto at = row * outputs + o;
        auto right = dot(w, o, x, row);
        ASSERT_NEAR(floats[at], right, near) << outputs << " x " << inputs << ", row " << row << ", output " << o;
        ASSERT_EQ(sums[at], 100 + floats[at]);
        ASSERT_NEAR(widen(rounded[at]), right, std::abs(right) / 256 + near);
      }
  }
};
CHROMATIN_ON_A_DEVICE(FewRowsKernel);

TEST_P(FewRowsKernel, AgreesWithAPlainLoop) {
  for (std::uint32_t inputs : {8u, 64u, 96u, 688u, 1096u})
    for (std::uint32_t outputs : {1u, 63u, 64u, 100u}) compare(outputs, inputs, 1 + (inputs + outputs) / 8 % 8);
}

TEST_P(FewRowsKernel, TakesEveryNumberOfRows) {
  for (std::uint32_t rows = 1; rows <= few_rows_max; ++rows) compare(25, 96, rows);
}

TEST_P(FewRowsKernel, AgreesWithAPlainLoopForLongRowsAndManyOutputs) {
  compare(100, 4096, 8);
  compare(8, 11008, 1);
  compare(4096, 64, 3);
}

TEST_P(FewRowsKernel, ARowIsTheSameWhoeverStandsBesideItAndHoweverMany) {
  constexpr std::uint32_t inputs = 688, outputs = 33;
  auto w = random_matrix(outputs, inputs);
  auto x = random_bf16(few_rows_max * inputs);
  auto together = multiply<float>(w, x, product_result::floats, 0);
  for (std::uint32_t row : {0u, 7u, 8u, 15u}) {
    auto alone =
        multiply<float>(w, {x.begin() + row * inputs, x.begin() + (row + 1) * inputs}, product_result::floats, 0);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin() + row * outputs)) << row;
  }
}

/// 0 · NaN would be one.
TEST_P(FewRowsKernel, WhatLiesBehindTheMatrixAndTheRowsDoesNotCount) {
  constexpr std::uint32_t inputs = 72, outputs = 5, rows = 3;
  matrix w{outputs, inputs, random_bf16((outputs + 8) * inputs), {}};
  std::fill(w.here.begin() + outputs * inputs, w.here.end(), std::uint16_t{0x7fff});
  w.there = put(w.here);
  auto x = random_bf16(16 * inputs);
  std::fill(x.begin() + rows * inputs, x.end(), std::uint16_t{0x7fff});
  auto x_there = put(x);
  auto y = room<float>(rows * outputs);
  kernels().multiply_few(queue, w.there, outputs, inputs, x_there, rows, product_result::floats, y);
  auto result = get(y);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t o = 0; o < outputs; ++o)
      EXPECT_NEAR(result[row * outputs + o], dot(w, o, x, row), 1e-4) << row << ' ' << o;
}

TEST_P(FewRowsKernel, ANaNStaysInItsRow) {
  constexpr std::uint32_t inputs = 128, outputs = 9;
  auto w = random_matrix(outputs, inputs);
  auto x = random_bf16(9 * inputs);
  auto before = multiply<float>(w, x, product_result::floats, 0);
  std::fill(x.begin() + 4 * inputs, x.begin() + 5 * inputs, std::uint16_t{0x7fff});
  auto after = multiply<float>(w, x, product_result::floats, 0);
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (i / outputs == 4)
      EXPECT_TRUE(std::isnan(after[i])) << i;
    else
      EXPECT_EQ(after[i], before[i]) << i;
  }
}

}  // namespace
}  // namespace chromatin::gpu::cuda
