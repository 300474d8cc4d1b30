#pragma once

/// What an executor needs of a device that computes: a step over a batch of sequences, layer by layer, so that cached
/// slices can arrive while earlier layers run, and new slices can leave while later ones do (CachedAttention §3.2.1).
/// Nothing here waits for the device.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gpu/copy_engine.hpp"
#include "gpu/fence.hpp"
#include "kv/chunk.hpp"
#include "kv/page.hpp"
#include "model/sampler.hpp"

namespace chromatin::gpu {

/// One sequence's part of a step.
struct sequence_step {
  std::vector<kv::token_id> tokens;  ///< new tokens, at positions `position`, `position` + 1, …
  std::uint32_t position = 0;        ///< tokens that the block table holds already; positions count in the window
  /// Has pages for all tokens that the step computes. Keys in them are not rotated: that is done for the current
  /// position whenever they are read.
  kv::block_table pages;
  std::shared_ptr<model::sampler> sampler;  ///< set when the step ends with a token for this sequence
  bool wants_logits = false;                ///< of the last new token, for tests and measurements
};

struct step_batch {
  std::vector<sequence_step> sequences;
  /// More than one: each sequence's token is its next input, until so many were sampled or one of them is in `ends`.
  /// All sequences need a sampler then. A sequence that is dropped or has an error ends it, too.
  std::uint32_t steps = 1;
  std::vector<kv::token_id> ends;
};

struct sequence_result {
  std::vector<kv::token_id> tokens;                  ///< sampled, one of each step
  std::vector<model::token_likelihood> likelihoods;  ///< of these, where the sampler tells them
  bool dropped = false;                              ///< by drop(); nothing of it counts
  std::string error;                                 ///< why it has no further token, as a sentence
  std::vector<float> logits;                         ///< of the last step
};

struct step_output {
  std::vector<sequence_result> sequences;  ///< in the batch's order
  std::string error;                       ///< not empty: the device failed, and nothing of the step counts
  std::int64_t compute_us = 0;             ///< what the device spent on the step, without waiting for anybody
};

/// One caller at a time, the executor: begin, every layer in order, finish. What goes wrong in the device's own thread
/// fails the layers' fences and ends in step_output::error.
class backend {
 public:
  virtual ~backend() = default;

  virtual const kv::geometry& geometry() const = 0;
  virtual std::string description() const = 0;
  virtual std::uint64_t weight_bytes() const = 0;  ///< in memory, as packed

  /// Memory of the device for `pages` chunks.
  virtual std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) = 0;
  /// True: run_layer() waits for fences itself, in the device's order. False: it is only given fences that are over.
  virtual bool orders_loads() const = 0;

  virtual void begin(step_batch batch) = 0;
  /// Enqueues a layer and returns: it reads the slices of the history and writes those of the new tokens. `after`:
  /// loads that it needs. If one of them failed, the layer computes with whatever is in the page; the caller drops that
  /// sequence. The fence passes when the layer's slices are written. Of a batch with more than one step, these are the
  /// layers of the first; the others run inside finish().
  virtual fence run_layer(std::uint32_t layer, std::span<const fence> after) = 0;
  /// Between layers: the sequence leaves the step, and layers enqueued from now on do not touch its pages. The batch's
  /// sequences keep their numbers.
  virtual void drop(std::uint32_t sequence) = 0;
  /// Enqueues the end of the step: samples at the device. `done` comes from the device's thread, never from inside this
  /// call; from then on begin() may be called.
  virtual void finish(std::function<void(step_output)> done) = 0;

  /// For the next caller, after one that died in mid-step: ends that step, of which nothing counts; whether its `done`
  /// is called is open. `ended` comes from the device's thread, never from inside this call; from then on begin() may
  /// be called. False when no step is under way: then it may be called at once, and `ended` does not come.
  virtual bool abandon(std::function<void()> ended) = 0;

  /// Any thread: the process ends. A step that waits for weights which are not in place yet fails instead, soon.
  virtual void stop_packing() {}

  /// Lives as long as the backend.
  virtual copy_engine& copies() = 0;
};

}  // namespace chromatin::gpu
