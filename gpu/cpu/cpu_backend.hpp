#pragma once

/// The CPU backend: oneDNN matmuls on weights packed once, and an own attention kernel over 64-token pages that rotates
/// keys when it reads them. A team of threads computes (gpu/cpu/team.hpp), another thread copies.

#include <functional>
#include <memory>
#include <string>

#include "gpu/backend.hpp"
#include "gpu/operation_times.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::gpu {

struct cpu_options {
  kv::dtype compute = kv::dtype::bf16;  ///< of weights, of what is multiplied, and of the cache; sums are float
  /// What weights stored as floats are rounded to; quantised ones stay as they are.
  model::weight_kind weights = model::weight_kind::stored;
  /// A sequence's results do not depend, to the last bit, on who shares its batch nor on how its tokens were cut into
  /// steps.
  bool deterministic = false;
  std::uint32_t threads = 0;            ///< 0: as many as there are processors
  std::uint32_t step_tokens_max = 512;  ///< of one batch
  bool verify = false;                  ///< copies are checked once more after they were made
  operation_times* times = nullptr;     ///< where to book time, for measuring; to be read between steps
  /// Called once when the weights cannot be packed, in a thread that packs, with one line; every step fails from then
  /// on.
  std::function<void(const std::string&)> packing_failed{};
  /// For tests: called before the weights of a layer are packed (the head is one more), in a thread that packs. What it
  /// throws fails the packing.
  std::function<void(std::uint32_t layer)> before_packing{};
};

/// bf16 where the processor multiplies it in hardware, else f32.
kv::dtype best_compute_type();

/// What the checkpoint has and cannot be computed is refused here, and memory for its weights is set aside. They are
/// packed in threads of the backend's, and their file pages given back: a step waits for each layer that it comes to.
/// The checkpoint stays alive for its embedding rows.
std::unique_ptr<backend> make_cpu_backend(std::shared_ptr<const model::checkpoint> checkpoint,
                                          const cpu_options& options);

}  // namespace chromatin::gpu
