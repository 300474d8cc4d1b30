#pragma once

/// A device without a model: memory with random contents, and work in a stream timed by events.

#include <cstring>
#include <functional>
#include <memory>
#include <span>

#include "gpu/cuda/runtime.hpp"

namespace chromatin::bench {

/// One thread. Memory that it gives must be gone before the device is.
class workbench {
 public:
  workbench(std::shared_ptr<gpu::cuda::runtime> device, int repeats);
  ~workbench();
  workbench(const workbench&) = delete;
  workbench& operator=(const workbench&) = delete;

  gpu::cuda::runtime& device() { return *device_; }
  gpu::cuda::stream stream() { return stream_; }

  /// Memory of the device with the content of random weights: small finite numbers, as bf16 and as float.
  kv::memory_block random(std::size_t bytes);
  template <class T>
  kv::memory_block upload(std::span<const T> values) {
    auto staging = device_->pinned(values.size_bytes());
    std::memcpy(staging.data.get(), values.data(), values.size_bytes());
    auto memory = device_->allocate(values.size_bytes());
    device_->copy(stream_, memory.data.get(), staging.data.get(), values.size_bytes());
    wait();
    return memory;
  }

  /// Seconds that the device spends on what `enqueue` puts into the stream: the median of the repeats, after one that
  /// does not count.
  double seconds(const std::function<void()>& enqueue);
  /// One time.
  double seconds_once(const std::function<void()>& enqueue);
  /// Throws std::runtime_error when the device failed.
  void wait();

 private:
  std::shared_ptr<gpu::cuda::runtime> device_;
  int repeats_;
  gpu::cuda::stream stream_;
  gpu::cuda::event begin_, end_;
};

template <class T>
T* as(const kv::memory_block& memory) {
  return reinterpret_cast<T*>(memory.data.get());
}

}  // namespace chromatin::bench
