#pragma once

/// The runtimes that tests run on, and memory to look at.

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "gpu/cuda/emulated/runtime.hpp"
#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

/// Tests of what both runtimes do; those of the device are skipped where there is none.
class on_each_runtime : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string{"emulated"}) {
      device = make_emulated_device();
    } else {
      try {
        device = open_device();
      } catch (const std::runtime_error& why) {
        GTEST_SKIP() << why.what();
      }
    }
    s = device->make_stream();
  }

  void TearDown() override { EXPECT_EQ(device ? device->error() : "", ""); }

  std::shared_ptr<runtime> device;
  stream s = nullptr;
};

#define CHROMATIN_ON_EACH_RUNTIME(suite)                                           \
  INSTANTIATE_TEST_SUITE_P(Runtimes, suite, testing::Values("emulated", "device"), \
                           [](const auto& about) { return std::string{about.param}; })

/// Pinned or device memory as so many values.
template <typename T>
struct values {
  kv::memory_block memory;
  T* data() const { return reinterpret_cast<T*>(memory.data.get()); }
  T& operator[](std::size_t i) const { return data()[i]; }
};

template <typename T>
values<T> pinned_values(runtime& device, std::size_t count, T value = {}) {
  values<T> made{device.pinned(count * sizeof(T))};
  std::fill_n(made.data(), count, value);
  return made;
}

template <typename T>
values<T> device_values(runtime& device, std::size_t count) {
  return {device.allocate(count * sizeof(T))};
}

}  // namespace chromatin::gpu::cuda
