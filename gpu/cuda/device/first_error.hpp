#pragma once

/// What a device failed with.

#include <atomic>
#include <mutex>
#include <string>

#include <cuda_runtime_api.h>

namespace chromatin::gpu::cuda {

/// "cudaErrorNoDevice: no CUDA-capable device is detected"
std::string to_string(cudaError_t);

/// Keeps the first of them. Thread-safe.
class first_error {
 public:
  /// True when a call of CUDA's passed; otherwise notes why not. `where` says what was tried: "a copy".
  bool passed(cudaError_t result, const char* where);
  void note(std::string sentence);

  bool any() const { return any_.load(std::memory_order_acquire); }
  std::string text() const;

 private:
  std::atomic<bool> any_ = false;
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace chromatin::gpu::cuda
