#pragma once

/// Measures how long work takes on a device.

#include <cstddef>
#include <functional>
#include <optional>

#include "gpu/cuda/device/first_error.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu::cuda {

/// On a stream of its own. Before each measurement the device's second-level cache is filled with something else, since
/// a step finds each matrix of weights in memory: 32 MiB that are multiplied twice would seem to come three times
/// as fast.
class trial {
 public:
  /// Throws std::bad_alloc.
  trial(int device, std::size_t cache_bytes, first_error& errors);
  ~trial();
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;

  /// The shortest of several times, after one that does not count. `run` enqueues and says whether it could. Nothing
  /// when it could not, or the device failed.
  std::optional<float> milliseconds(const std::function<bool(cudaStream_t)>& run);
  /// Fills memory with small finite numbers (as bf16 and as float).
  void fill(const kv::memory_block& memory);

 private:
  first_error& errors_;
  kv::memory_block other_;  ///< twice the cache
  cudaStream_t stream_ = nullptr;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace chromatin::gpu::cuda
