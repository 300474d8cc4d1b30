#pragma once

#include "gpu/cuda/emulated/block.hpp"

namespace chromatin::gpu::cuda::emulated {

/// mma.sync.aligned.m16n8k16 of bf16 into float, over the fragments of 32 lanes as the PTX manual lays them out.
void product(exchange&);

}  // namespace chromatin::gpu::cuda::emulated
