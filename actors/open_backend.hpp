#pragma once

/// Which backend computes (`--backend`), and how much of a device's memory the cache gets.

#include <memory>
#include <string>
#include <vector>

#include "actors/launch.hpp"
#include "gpu/backend.hpp"
#include "gpu/cuda/runtime.hpp"

namespace chromatin {

/// Where a model is computed.
struct compute_place {
  std::shared_ptr<gpu::cuda::runtime> device;  ///< null: the processor
  kv::dtype type = kv::dtype::bf16;            ///< of what is multiplied, and of the cache
};

/// The device where there is one and nothing speaks against it, or as the options say. `traits` are those of the model
/// that only the processor computes (model::traits_beyond_llama). Adds to `notices` what users may
/// not have expected. Throws std::runtime_error with one line when what they ask for cannot be.
compute_place choose_place(const system_options& options, std::vector<std::string>& notices,
                           const std::vector<std::string>& traits = {});

/// Bytes of the device tier's arena: as the options say, or what the device has left beside this model's weights, with
/// a notice.
std::uint64_t device_bytes(const compute_place& place, const model::config& model, const system_options& options,
                           std::vector<std::string>& notices);

/// What the weights take of a device's memory.
std::uint64_t weights_on_device(const model::config& model);

/// About what the weights take of the machine's memory when the processor computes with them.
std::uint64_t weights_on_processor(const system_options& options, kv::dtype type, const model::config& model);

/// Throws std::runtime_error with one line.
std::shared_ptr<gpu::backend> open_backend(const compute_place& place,
                                           const std::shared_ptr<const model::checkpoint>& checkpoint,
                                           const system_options& options);

/// Memory of the host that the place's copy engine can use. Throws std::bad_alloc.
kv::memory_block host_memory(const compute_place& place, std::size_t bytes);

}  // namespace chromatin
