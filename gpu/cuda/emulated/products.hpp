#pragma once

/// Matrix products of an emulated device.

#include <memory>

#include "gpu/cuda/emulated/runtime_memory.hpp"
#include "gpu/cuda/products.hpp"

namespace chromatin::gpu::cuda {

/// A row's result is the same whichever rows stand beside it. `memory` has everything that is multiplied.
std::unique_ptr<products> make_emulated_products(std::shared_ptr<const emulated_memory> memory);

}  // namespace chromatin::gpu::cuda
