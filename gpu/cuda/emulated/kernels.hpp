#pragma once

/// The kernels on the host, compiled from the same sources as the device's.

#include "gpu/cuda/kernels.hpp"

namespace chromatin::gpu::cuda {

/// Pointers are of the host's memory. Kernels abort with one line on what a device would do wrong or not at all:
/// diverging collectives, misaligned accesses of 16 bytes, writes beyond shared memory.
const kernel_table& emulated_kernels();

}  // namespace chromatin::gpu::cuda
