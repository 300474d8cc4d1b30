#pragma once

/// Kernels that a test writes for itself, run in an order that a seed draws.

#define CHROMATIN_EMULATED

#include <cstdint>
#include <functional>

#include <gtest/gtest.h>

#include "gpu/cuda/kernels/device.cuh"

namespace chromatin::gpu::cuda {

/// Does what is enqueued at once.
struct seeded_stream : stream_handle {
  explicit seeded_stream(std::uint64_t from) : seed{from} {}
  void enqueue(std::function<void(std::uint64_t)> work) override { work(seed); }
  std::uint64_t seed;
};

struct emulation : testing::Test {
  static constexpr std::uint64_t seeds = 40;
};

/// Of the seeds, how many make `run(stream)` true.
template <class Run>
std::uint64_t seeds_with(Run run) {
  std::uint64_t count = 0;
  for (std::uint64_t seed = 1; seed <= emulation::seeds; ++seed) {
    seeded_stream queue{seed};
    count += run(&queue);
  }
  return count;
}

}  // namespace chromatin::gpu::cuda
