#pragma once

/// The embedded model and sequences to run through a backend.

#include <vector>

#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/run_step.hpp"

namespace chromatin::gpu {

using token_list = std::vector<kv::token_id>;

inline std::shared_ptr<const model::checkpoint> concierge() {
  static const auto checkpoint = model::checkpoint::open(CHROMATIN_SOURCE_DIR "/assets/concierge");
  return checkpoint;
}

/// A sequence with pages of its own.
struct sequence {
  explicit sequence(backend& b) {
    auto arena = b.make_arena(17);
    std::vector<kv::page_ref> pages;
    while (auto page = arena->try_allocate()) pages.push_back(std::move(page));
    set_table(std::move(pages));
  }

  sequence_step next(const token_list& input, bool wants_logits = true) {
    sequence_step step{.tokens = input, .position = position, .pages = table, .wants_logits = wants_logits};
    position += static_cast<std::uint32_t>(input.size());
    return step;
  }
  /// A step that ends with the likeliest token.
  sequence_step sampled(const token_list& input) {
    auto step = next(input, false);
    step.sampler = std::make_shared<model::sampler>(model::sampling{});
    return step;
  }
  void set_table(std::vector<kv::page_ref> pages) {
    table = std::make_shared<const std::vector<kv::page_ref>>(std::move(pages));
  }

  kv::block_table table;
  std::uint32_t position = 0;
};

/// The logits that were asked for, one sequence after the other.
inline std::vector<float> run(backend& b, std::vector<sequence_step> batch) {
  std::vector<float> logits;
  for (const auto& result : run_step(b, {.sequences = std::move(batch), .ends = {}}))
    logits.insert(logits.end(), result.logits.begin(), result.logits.end());
  return logits;
}

}  // namespace chromatin::gpu
