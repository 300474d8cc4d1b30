#pragma once

/// Values that kernels and those who launch them share.

#include <cstdint>

namespace chromatin::gpu::cuda {

/// Blocks of a launch.
struct grid {
  std::uint32_t x = 1, y = 1, z = 1;
};

/// What one access moves at most.
struct alignas(16) words_16 {
  std::uint32_t w[4];
};

struct alignas(8) words_8 {
  std::uint32_t w[2];
};

}  // namespace chromatin::gpu::cuda
