#pragma once

/// What a step is to a device: the batch's rows, its sequences, their pages, and the pieces of its attention. Pure.

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/cuda/kernels.hpp"
#include "gpu/step.hpp"

namespace chromatin::gpu::cuda {

struct plan_limits {
  std::uint32_t context = 0;       ///< tokens
  std::uint32_t rows_max = 0;      ///< of a batch
  std::uint32_t prefill_rows = 0;  ///< of a piece of attention with many rows
  std::size_t chunk_bytes = 0;
  bool one_kernel = false;  ///< single rows go through the kernel of many, too: their results do not depend on the cut
};

struct step_plan {
  std::vector<std::uint32_t> tokens;           ///< of each row
  std::vector<std::uint32_t> sequence_of_row;  ///< batch_view::none for one that was dropped
  std::vector<sequence_view> sequences;        ///< of the batch, with its numbers
  std::vector<std::byte*> pages;
  std::vector<attention_piece> many, single;
  std::uint32_t context_of_single = 0;      ///< the longest, with the new token
  std::uint32_t context_of_many = 0;        ///< the longest, with the new tokens
  std::uint32_t history_of_many = 0;        ///< the longest, without them
  std::uint32_t rotated_pages = 0;          ///< of sequences in `many`
  std::vector<std::uint32_t> last_rows;     ///< of the sequences that need logits, in their order
  std::vector<float> inverse_temperatures;  ///< of these; 1 for one that is not drawn

  std::uint32_t rows() const { return static_cast<std::uint32_t>(tokens.size()); }
  /// True for a step of single rows, which looks the same again with the next tokens.
  bool decodes() const { return many.empty() && !single.empty(); }
};

/// Throws std::invalid_argument when a sequence does not fit into its pages, the context or a batch. Sequences that
/// were dropped have no pieces, and their rows, which stay, belong to nobody.
step_plan plan_step(const step& of, const plan_limits& limits);

}  // namespace chromatin::gpu::cuda
