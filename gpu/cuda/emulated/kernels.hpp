#pragma once

/// The kernels, compiled for the host.

#include "gpu/cuda/kernels.hpp"

namespace chromatin::gpu::cuda {

const kernel_table& emulated_kernels();

}  // namespace chromatin::gpu::cuda
