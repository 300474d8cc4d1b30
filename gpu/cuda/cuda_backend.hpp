#pragma once

/// The CUDA backend: weights as bf16, cuBLASLt for products, own kernels for the rest, on streams of one device.

#include <cstdint>
#include <memory>

#include "gpu/backend.hpp"
#include "gpu/cuda/runtime.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

struct cuda_options {
  std::uint32_t step_tokens_max = 512;
  bool verify = false;
  bool deterministic = false;
};

/// Uploads the checkpoint's weights as bf16. Throws std::runtime_error/std::bad_alloc with one line when they do not
/// fit.
std::unique_ptr<backend> make_cuda_backend(std::shared_ptr<const model::checkpoint>, std::shared_ptr<cuda::runtime>,
                                           const cuda_options&);

}  // namespace chromatin::gpu
