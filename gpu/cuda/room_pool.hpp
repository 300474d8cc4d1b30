#pragma once

/// Scratch memory of copies, used again: taking memory of a device would stop it.

#include <memory>
#include <mutex>
#include <vector>

#include "gpu/cuda/device_array.hpp"

namespace chromatin::gpu::cuda {

/// A piece of pinned host memory and one of the device, for work that is under way.
struct room {
  device_array<std::byte> host, device;
};

/// Thread-safe. Rooms keep the pool alive, and it keeps the runtime alive.
class room_pool : public std::enable_shared_from_this<room_pool> {
 public:
  explicit room_pool(std::shared_ptr<runtime> of) : runtime_{std::move(of)} {}

  /// With at least so many bytes; goes back with the last copy. Throws std::bad_alloc.
  std::shared_ptr<room> take(std::size_t host_bytes, std::size_t device_bytes);

 private:
  std::shared_ptr<runtime> runtime_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<room>> free_;
};

}  // namespace chromatin::gpu::cuda
