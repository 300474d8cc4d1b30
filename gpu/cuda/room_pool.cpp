#include "gpu/cuda/room_pool.hpp"

#include <algorithm>
#include <bit>

namespace chromatin::gpu::cuda {

std::shared_ptr<room> room_pool::take(std::size_t host_bytes, std::size_t device_bytes) {
  std::unique_ptr<room> taken;
  {
    std::lock_guard lock{mutex_};
    auto fits = std::ranges::find_if(
        free_, [&](const auto& r) { return r->host.size() >= host_bytes && r->device.size() >= device_bytes; });
    if (fits != free_.end()) {
      taken = std::move(*fits);
      free_.erase(fits);
    }
  }
  if (!taken) {
    constexpr std::size_t least = 64 << 10;  // few sizes, so that most rooms fit most copies
    auto of = [&](std::size_t bytes) { return std::bit_ceil(std::max(bytes, least)); };
    taken = std::make_unique<room>();
    taken->host = device_array<std::byte>::pinned(*runtime_, of(host_bytes));
    taken->device = device_array<std::byte>{*runtime_, of(device_bytes)};
  }
  return {taken.release(), [pool = shared_from_this()](room* r) {
            std::lock_guard lock{pool->mutex_};
            pool->free_.emplace_back(r);
          }};
}

}  // namespace chromatin::gpu::cuda
