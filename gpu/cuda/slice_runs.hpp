#pragma once

/// Slices that lie one after the other at equal distances, on both sides of a copy: one copy of many rows takes them,
/// where each copy of its own would leave the link idle for some microseconds. Pages that were taken together often
/// lie so. Pure.

#include <cstddef>
#include <span>
#include <vector>

namespace chromatin::gpu::cuda {

/// A slice, or its packed copy, in the device and in the host's memory.
struct slice_place_pair {
  std::byte* device = nullptr;
  std::byte* host = nullptr;
  std::size_t bytes = 0;
};

/// `rows` slices of `bytes`, the first at these places, the next so many bytes further.
struct slice_run {
  std::byte* device = nullptr;
  std::byte* host = nullptr;
  std::size_t bytes = 0, rows = 1;
  std::size_t device_stride = 0, host_stride = 0;  ///< `bytes` where there is one row
};

/// Longer strides are not rows of one copy to a driver.
inline constexpr std::size_t run_stride_bytes_max = std::size_t{1} << 30;

/// All slices, in runs. Within a run the order may be the other way round.
std::vector<slice_run> runs_of(std::span<const slice_place_pair> slices);

}  // namespace chromatin::gpu::cuda
