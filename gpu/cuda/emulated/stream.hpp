#pragma once

/// What an emulated stream is to those who put work in it.

#include <cstdint>
#include <functional>

namespace chromatin::gpu::cuda {

/// `stream` is a pointer to one. A null stream stands for doing the work at once.
struct stream_handle {
  virtual ~stream_handle() = default;
  /// Runs when its turn is drawn; the seed decides about the order of a kernel's threads.
  virtual void enqueue(std::function<void(std::uint64_t seed)> work) = 0;
};

}  // namespace chromatin::gpu::cuda
