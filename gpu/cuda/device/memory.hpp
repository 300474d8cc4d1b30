#pragma once

/// Memory of the device and pinned memory of the host, as blocks that give themselves back.

#include <cstddef>

#include "kv/page.hpp"

namespace chromatin::gpu::cuda {

/// By plain cudaMalloc, aligned to 4 KiB. Throws std::bad_alloc.
kv::memory_block device_memory(int device, std::size_t bytes);

/// Plain memory of the host that is registered with the driver: disk reads may land in it, and it comes in huge pages.
/// Where a driver cannot register it, memory from the driver. Throws std::bad_alloc.
kv::memory_block pinned_memory(int device, std::size_t bytes);

}  // namespace chromatin::gpu::cuda
