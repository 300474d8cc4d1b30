#pragma once

/// The embedded model and sequences to run through a backend.

#include <vector>

#include "gpu/cpu/cpu_backend.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu {

using tokens = std::vector<kv::token_id>;

inline std::shared_ptr<const model::checkpoint> concierge() {
  static const auto checkpoint = model::checkpoint::open(CHROMATIN_SOURCE_DIR "/assets/concierge");
  return checkpoint;
}

/// A sequence with pages of its own.
struct sequence {
  explicit sequence(const backend& b)
      : arena{kv::page_arena::make(kv::plain_memory(17 * b.geometry().chunk_bytes()), b.geometry().chunk_bytes())} {
    for (int i = 0; i < 17; ++i) {
      pages.push_back(arena->try_allocate());
      table.push_back(pages.back().writable().data());
    }
  }

  sequence_step next(const tokens& input, bool wants_logits = true) {
    sequence_step step{input, position, table, wants_logits};
    position += static_cast<std::uint32_t>(input.size());
    return step;
  }

  std::shared_ptr<kv::page_arena> arena;
  std::vector<kv::page_ref> pages;
  std::vector<std::byte*> table;
  std::uint32_t position = 0;
};

inline std::vector<float> run(backend& b, std::vector<sequence_step> batch) {
  b.begin(batch);
  for (std::uint32_t l = 0; l < b.geometry().layers; ++l) b.run_layer(l);
  auto logits = b.finish();
  return {logits.begin(), logits.end()};
}

}  // namespace chromatin::gpu
