// Matrix products of each runtime against a plain loop.

#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/gpu/cuda/runtimes.hpp"

namespace chromatin::gpu::cuda {
namespace {

using Products = on_each_runtime;
CHROMATIN_ON_EACH_RUNTIME(Products);

using bf16 = std::uint16_t;

float widened(bf16 value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

struct shape {
  std::uint32_t outputs, inputs, rows;
};

/// A product with its operands on the device, and what a plain loop makes of it.
struct problem {
  problem(runtime& on, stream s, shape of, std::uint32_t seed) : device{on}, queue{s}, dims{of} {
    std::mt19937 random{seed};
    fill(host_w, w, std::size_t{dims.outputs} * dims.inputs, random);
    fill(host_x, x, std::size_t{dims.rows} * dims.inputs, random);
  }

  void fill(values<bf16>& host, values<bf16>& there, std::size_t count, std::mt19937& random) {
    std::uniform_real_distribution<float> numbers{-1, 1};
    host = pinned_values<bf16>(device, count);
    for (std::size_t i = 0; i < count; ++i)
      host[i] = static_cast<bf16>(std::bit_cast<std::uint32_t>(numbers(random)) >> 16);
    there = device_values<bf16>(device, count);
    device.copy(queue, there.data(), host.data(), count * sizeof(bf16));
  }

  double expected(std::uint32_t row, std::uint32_t output) const {
    double sum = 0;
    for (std::size_t i = 0; i < dims.inputs; ++i)
      sum += double{widened(host_x[row * dims.inputs + i])} * widened(host_w[output * dims.inputs + i]);
    return sum;
  }

  product as(product::into result) const { return {w.data(), dims.outputs, dims.inputs, result}; }

  /// The product of the first `rows` rows, added to `before` where it is one that adds.
  template <typename T>
  std::vector<T> multiplied(product::into result, std::uint32_t rows, T before) {
    auto size = std::size_t{rows} * dims.outputs;
    auto host = pinned_values<T>(device, size, before);
    auto there = device_values<T>(device, size);
    device.copy(queue, there.data(), host.data(), size * sizeof(T));
    device.multiplier().multiply(queue, as(result), x.data(), rows, there.data());
    device.copy(queue, host.data(), there.data(), size * sizeof(T));
    EXPECT_TRUE(device.synchronize(queue));
    return {host.data(), host.data() + size};
  }

  runtime& device;
  stream queue;
  shape dims;
  values<bf16> host_w, host_x, w, x;
};

constexpr shape shapes[] = {{64, 64, 1}, {48, 200, 3}, {104, 128, 17}, {1024, 256, 130}};

TEST_P(Products, AgreeWithAPlainLoop) {
  for (auto dims : shapes) {
    problem p{*device, s, dims, 1};
    auto rounded = p.multiplied<bf16>(product::into::bf16, dims.rows, 0);
    auto floats = p.multiplied<float>(product::into::floats, dims.rows, std::nanf(""));
    auto sums = p.multiplied<float>(product::into::float_sums, dims.rows, 100);
    for (std::uint32_t row = 0; row < dims.rows; ++row) {
      for (std::uint32_t o = 0; o < dims.outputs; ++o) {
        auto at = row * dims.outputs + o;
        auto right = p.expected(row, o);
        ASSERT_NEAR(floats[at], right, 1e-4) << dims.outputs << " x " << dims.inputs << ", row " << row << ", " << o;
        ASSERT_NEAR(sums[at], 100 + right, 1e-3);
        ASSERT_NEAR(widened(rounded[at]), right, std::abs(right) / 256 + 1e-4);
      }
    }
  }
}

TEST_P(Products, AreTheSameAfterTuning) {
  problem p{*device, s, {256, 192, 40}, 2};
  auto result = product::into::floats;
  auto before = p.multiplied<float>(result, 40, 0);
  device->multiplier().tune(p.as(result), 64);
  auto after = p.multiplied<float>(result, 40, 0);
  for (std::size_t i = 0; i < before.size(); ++i) ASSERT_NEAR(before[i], after[i], 1e-4);
  EXPECT_FALSE(device->multiplier().description().empty());
}

TEST(EmulatedProducts, ARowIsTheSameWhoeverStandsBesideIt) {
  auto device = make_emulated_device();
  auto s = device->make_stream();
  problem p{*device, s, {96, 130, 9}, 3};
  for (auto result : {product::into::floats, product::into::float_sums}) {
    auto together = p.multiplied<float>(result, 9, 1);
    auto alone = p.multiplied<float>(result, 1, 1);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), together.begin()));
  }
}

}  // namespace
}  // namespace chromatin::gpu::cuda
