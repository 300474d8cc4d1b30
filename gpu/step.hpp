#pragma once

/// A step in the works, as every backend keeps it: what was dropped, what was sampled, and whether a burst of decode
/// steps goes on. Pure; one thread at a time.

#include <functional>
#include <span>

#include "gpu/backend.hpp"

namespace chromatin::gpu {

class step {
 public:
  step() = default;
  explicit step(step_batch batch);

  const std::vector<sequence_step>& sequences() const { return batch_.sequences; }
  void drop(std::uint32_t sequence);
  bool is_dropped(std::size_t sequence) const { return results_[sequence].dropped; }
  /// True for a sequence whose logits finish() needs.
  bool needs_logits(std::size_t sequence) const;
  /// True for one of these whose sampler wants to see all of them.
  bool needs_whole_logits(std::size_t sequence) const;
  /// Samples what it can from the likeliest tokens after the last layer, of sequences that need no whole logits. Gives
  /// those whose samplers do not know from them: they want to see all logits after all.
  std::vector<std::size_t> sample_from(const std::function<model::shortlist(std::size_t sequence)>& likeliest);
  /// Takes the logits after the last layer, for every sequence that needs them and has no token by sample_from():
  /// samples, and notes logits that are not finite as the sequence's error. True when another step follows;
  /// sequences() are its inputs then.
  bool sample(const std::function<std::span<const float>(std::size_t sequence)>& logits);
  std::vector<sequence_result> take_results() { return std::move(results_); }

 private:
  void take(std::size_t sequence, std::optional<kv::token_id> token);
  bool goes_on() const;

  step_batch batch_;
  std::vector<sequence_result> results_;
  std::vector<bool> sampled_;  ///< in this step
  std::uint32_t steps_done_ = 0;
};

}  // namespace chromatin::gpu
