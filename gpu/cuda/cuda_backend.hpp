#pragma once

/// The CUDA backend: bf16 weights in the device, products by cuBLASLt, own kernels over 64-token pages that rotate keys
/// when they read them (gpu/cuda/kernels/). Everything is enqueued; the device orders loads, layers and saves among
/// each other by events. Over an emulated device it runs on any machine.

#include <memory>

#include "gpu/backend.hpp"
#include "gpu/cuda/runtime.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

struct cuda_options {
  std::uint32_t step_tokens_max = 512;  ///< of one batch
  bool verify = false;                  ///< copies are checked once more after they were made
  /// A sequence's results do not depend, to the last bit, on who shares its batch nor on how its tokens were cut into
  /// steps; slower.
  bool deterministic = false;
};

/// Uploads the checkpoint's weights as bf16; waits. Fences that its layers are given are of its own copy engine. Host
/// pages must be pinned memory of the runtime. Throws std::bad_alloc when the device has no room, std::runtime_error
/// with one line when it fails, and for a
/// model with traits that LLaMA does not have.
std::unique_ptr<backend> make_cuda_backend(std::shared_ptr<const model::checkpoint> checkpoint,
                                           std::shared_ptr<cuda::runtime> on, const cuda_options& options);

}  // namespace chromatin::gpu
