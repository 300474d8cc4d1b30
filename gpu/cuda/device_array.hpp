#pragma once

/// Typed memory of a device, or pinned memory of the host.

#include <algorithm>
#include <cstddef>

#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

/// Moves; is given back by its destructor, when no work uses it any more.
template <class T>
class device_array {
 public:
  device_array() = default;
  device_array(runtime& of, std::size_t size)
      : memory_{of.allocate(std::max<std::size_t>(size, 1) * sizeof(T))}, size_{size} {}

  static device_array pinned(runtime& of, std::size_t size) {
    device_array host;
    host.memory_ = of.pinned(std::max<std::size_t>(size, 1) * sizeof(T));
    host.size_ = size;
    return host;
  }

  T* data() const { return reinterpret_cast<T*>(memory_.data.get()); }
  std::size_t size() const { return size_; }

 private:
  kv::memory_block memory_;
  std::size_t size_ = 0;
};

}  // namespace chromatin::gpu::cuda
