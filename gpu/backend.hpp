#pragma once

/// What an executor needs of a device that computes: one step over a batch of sequences, layer by layer, so that the
/// executor can wait for a layer's cached slices before it and hand the layer's new slices on after it (CachedAttention
/// §3.2.1).

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "kv/chunk.hpp"

namespace chromatin::gpu {

/// One sequence's part of a step.
struct sequence_step {
  std::span<const kv::token_id> tokens;  ///< new tokens, at positions `position`, `position` + 1, …
  std::uint32_t position = 0;            ///< tokens that the block table holds already; positions count in the window
  /// The block table: page i has the chunk of tokens [64 i, 64 i + 64), laid out as kv::geometry says, and there are
  /// enough for `position + tokens.size()`. Keys in it are not rotated: that is done for the current position whenever
  /// they are read.
  std::span<std::byte* const> pages;
  bool wants_logits = false;  ///< of the last new token
};

/// Not thread-safe: one thread drives it; it may use more inside.
class backend {
 public:
  virtual ~backend() = default;

  virtual const kv::geometry& geometry() const = 0;
  virtual std::string description() const = 0;
  virtual std::uint64_t weight_bytes() const = 0;  ///< in memory, as packed

  /// Takes a batch; an unfinished one before it is dropped. What the spans refer to must stay until finish().
  virtual void begin(std::span<const sequence_step> batch) = 0;
  /// Computes one layer: reads the slices of the history, writes those of the new tokens. Layers come in order.
  virtual void run_layer(std::uint32_t layer) = 0;
  /// Logits of the sequences that want them, in batch order, [count][vocabulary]; valid until the next begin().
  virtual std::span<const float> finish() = 0;
};

}  // namespace chromatin::gpu
