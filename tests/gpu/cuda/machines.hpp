#pragma once

/// The devices that tests of the CUDA executor run on: an emulated one, always, and the machine's, where there is one.

#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "gpu/cuda/emulated/runtime.hpp"

namespace chromatin::gpu::cuda {

enum class machine : std::uint8_t { emulated, real };

inline std::string name_of(const testing::TestParamInfo<machine>& info) {
  return info.param == machine::emulated ? "emulated" : "device";
}

/// The machine's device, or why there is none.
struct real_device {
  std::shared_ptr<runtime> on;
  std::string reason;
};

inline const real_device& the_device() {
  static const real_device found = []() -> real_device {
    try {
      return {open_device(), ""};
    } catch (const std::exception& e) {
      return {nullptr, e.what()};
    }
  }();
  return found;
}

/// Null where there is no such device.
inline std::shared_ptr<runtime> open(machine which) {
  return which == machine::emulated ? make_emulated_device() : the_device().on;
}

/// A fixture over either; skips where there is no device.
class OnMachine : public testing::TestWithParam<machine> {
 protected:
  void SetUp() override {
    on = open(GetParam());
    if (!on) GTEST_SKIP() << the_device().reason;
  }

  /// Bytes of the device, through pinned memory.
  std::vector<std::byte> read(const void* from, std::size_t bytes) {
    auto host = on->pinned(bytes);
    auto in = on->make_stream();
    on->copy(in, host.data.get(), from, bytes);
    EXPECT_TRUE(on->synchronize(in)) << on->error();
    on->destroy(in);
    return {host.data.get(), host.data.get() + bytes};
  }
  void write(void* to, std::span<const std::byte> bytes) {
    auto host = on->pinned(bytes.size());
    std::memcpy(host.data.get(), bytes.data(), bytes.size());
    auto in = on->make_stream();
    on->copy(in, to, host.data.get(), bytes.size());
    EXPECT_TRUE(on->synchronize(in)) << on->error();
    on->destroy(in);
  }

  std::shared_ptr<runtime> on;
};

}  // namespace chromatin::gpu::cuda
