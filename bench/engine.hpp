#pragma once

/// A backend alone, without actors: what it computes a second.

#include <memory>
#include <vector>

#include "gpu/cpu/cpu_backend.hpp"

namespace chromatin::bench {

class engine {
 public:
  /// Room for `sequences` of `tokens_max` tokens each.
  engine(std::shared_ptr<const model::checkpoint> checkpoint, gpu::cpu_options options, std::uint32_t sequences,
         std::uint32_t tokens_max);

  /// Seconds for `count` new tokens after `depth` others, which are computed first if they were not yet.
  double prefill_s(std::uint32_t count, std::uint32_t depth = 0);
  /// Seconds for `count` tokens of each of `sequences`, one after the other, from `depth` on.
  double decode_s(std::uint32_t count, std::uint32_t sequences = 1, std::uint32_t depth = 0);

  gpu::backend& backend() { return *backend_; }
  std::uint64_t page_bytes() const { return arena_->memory().size(); }
  /// Of the pages that were computed in: the others are reserved but take no memory.
  std::uint64_t used_page_bytes() const;

 private:
  /// `count` tokens of each sequence, then decode steps until `sampled` were sampled.
  void step(std::uint32_t position, std::uint32_t count, std::uint32_t sequences, std::uint32_t sampled);

  std::uint32_t vocabulary_, step_tokens_max_;
  std::unique_ptr<gpu::backend> backend_;
  std::shared_ptr<kv::page_arena> arena_;
  std::vector<kv::block_table> tables_;
  std::vector<std::uint32_t> pages_used_;  ///< of each sequence, at most
  std::uint32_t filled_ = 0;               ///< tokens of the first sequence
};

}  // namespace chromatin::bench
