#pragma once

/// Kernels on a device for tests: emulated, with several orders of threads, and the machine's own where it has one.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "gpu/cuda/emulated/runtime.hpp"
#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

/// Values in a device's memory.
template <class T>
struct fixture_array {
  kv::memory_block memory;
  std::size_t count = 0;
  operator T*() const { return reinterpret_cast<T*>(memory.data.get()); }
};

/// The parameter is a seed of the emulation; `real_device` is the machine's own.
class on_a_device : public testing::TestWithParam<std::uint64_t> {
 public:
  static constexpr std::uint64_t real_device = 0;

  static std::string name(const testing::TestParamInfo<std::uint64_t>& about) {
    return about.param == real_device ? "Device" : "Seed" + std::to_string(about.param);
  }

 protected:
  void SetUp() override {
    if (GetParam() == real_device) {
      try {
        device = open_device();
      } catch (const std::runtime_error& why) {
        GTEST_SKIP() << why.what();
      }
    } else {
      device = make_emulated_device({.seed = GetParam(), .own_thread = false});
    }
    queue = device->make_stream();
  }
  void TearDown() override { EXPECT_EQ(device ? device->error() : "", ""); }

  const kernel_table& kernels() const { return device->kernels(); }

  /// Room for so many values, which are whatever they are.
  template <class T>
  fixture_array<T> room(std::size_t count) {
    return {device->allocate(std::max<std::size_t>(count, 1) * sizeof(T)), count};
  }
  template <class T>
  fixture_array<T> put(const std::vector<T>& values) {
    auto there = room<T>(values.size());
    auto here = device->pinned(std::max<std::size_t>(values.size(), 1) * sizeof(T));
    std::ranges::copy(values, reinterpret_cast<T*>(here.data.get()));
    device->copy(queue, there, here.data.get(), values.size() * sizeof(T));
    device->synchronize(queue);
    return there;
  }
  /// After all that was enqueued.
  template <class T>
  std::vector<T> get(const fixture_array<T>& from) {
    std::vector<T> values(from.count);
    auto here = device->pinned(std::max<std::size_t>(from.count, 1) * sizeof(T));
    device->copy(queue, here.data.get(), static_cast<const T*>(from), from.count * sizeof(T));
    EXPECT_TRUE(device->synchronize(queue)) << device->error();
    std::memcpy(values.data(), here.data.get(), values.size() * sizeof(T));
    return values;
  }

  std::vector<float> random_floats(std::size_t count, float spread = 1.0f) {
    std::normal_distribution<float> normal{0, spread};
    std::vector<float> values(count);
    for (auto& v : values) v = normal(random);
    return values;
  }
  std::vector<std::uint16_t> random_bf16(std::size_t count, float spread = 1.0f) {
    auto wide = random_floats(count, spread);
    std::vector<std::uint16_t> values(count);
    std::transform(wide.begin(), wide.end(), values.begin(), narrow);
    return values;
  }

  static float widen(std::uint16_t value) {
    auto bits = std::uint32_t{value} << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
  }
  /// Cuts off what bf16 has no room for: good enough for inputs.
  static std::uint16_t narrow(float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return static_cast<std::uint16_t>(bits >> 16);
  }

  std::shared_ptr<runtime> device;
  stream queue = nullptr;
  std::mt19937 random{static_cast<std::mt19937::result_type>(GetParam())};
};

/// How many steps of bf16 the two farthest values are from each other.
inline int steps_apart(const std::vector<std::uint16_t>& a, const std::vector<std::uint16_t>& b) {
  auto place = [](std::uint16_t v) { return v >> 15 ? -(v & 0x7fff) : v & 0x7fff; };
  if (a.size() != b.size()) return 1 << 16;
  int most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(place(a[i]) - place(b[i])));
  return most;
}

#define CHROMATIN_ON_A_DEVICE(suite) \
  INSTANTIATE_TEST_SUITE_P(Devices, suite, testing::Values(on_a_device::real_device, 1, 2, 3), on_a_device::name)

}  // namespace chromatin::gpu::cuda
