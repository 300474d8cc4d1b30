#pragma once

/// Flat replay: one tier of so many tokens, and no time but the trace's. A request is served, then its chain is
/// inserted, then the policy evicts down to the capacity.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kv/eviction.hpp"
#include "sim/trace.hpp"

namespace chromatin::sim {

/// The shares of one run. `tiers` and times to first token come with a machine (`--machine`); a flat run has one tier
/// and no times.
struct run_result {
  std::string policy;
  std::uint64_t capacity_tokens = 0;
  std::uint64_t requests = 0;
  std::uint64_t reusable_tokens = 0, hit_tokens = 0;
  std::uint64_t reusable_requests = 0, full_hits = 0;  ///< requests with anything to reuse; those that found all of it
  std::uint64_t inserted_tokens = 0, evicted_tokens = 0;
  std::vector<double> hit_share_over_time;  ///< of equal parts of the trace's requests

  double hit_token_share() const;
  double full_hit_share() const;
};

/// Throws std::invalid_argument with one line if there is no such policy. With `memory` the policy goes on with what an
/// earlier run learned, and leaves there what it knows at the end.
run_result replay_flat(const trace& requests, const std::string& policy, std::uint64_t capacity_tokens,
                       std::vector<std::byte>* memory = nullptr);

}  // namespace chromatin::sim
