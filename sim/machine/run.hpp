#pragma once

/// One workload on one machine under one policy: what was reused, how long people waited, what moved, what it cost.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/distribution.hpp"
#include "sim/machine/machine.hpp"
#include "sim/workload.hpp"

namespace chromatin::sim {

/// In place of a policy's name: nothing is reused, everything is computed.
inline constexpr const char* recompute = "recompute";

struct tier_hits {
  std::string tier;
  std::uint64_t tokens = 0;
};

/// Of the turns after the warm-up.
struct machine_result {
  std::string machine, policy;
  std::uint64_t capacity_tokens = 0;  ///< of the tiers below the device
  std::uint64_t requests = 0, refused = 0;
  std::string why_refused;  ///< the first of them
  std::uint64_t reusable_tokens = 0, reused_tokens = 0;
  std::uint64_t reusable_requests = 0, full_hits = 0;  ///< requests with anything to reuse; those that found all of it
  std::uint64_t prompt_tokens = 0, computed_tokens = 0, answer_tokens = 0;
  std::vector<tier_hits> tiers;     ///< from the device down: where reused tokens were when the turn asked for them
  std::uint64_t raised_tokens = 0;  ///< of the disk's: those that were in host memory already, ahead of need
  distribution ttft_ms;             ///< from a turn's arrival to its first token
  distribution prefill_ms;          ///< the same from when it had pages: without the queue
  double prefill_gpu_s = 0, decode_gpu_s = 0, load_wait_gpu_s = 0, save_wait_gpu_s = 0;  ///< of all GPUs together
  double to_device_bytes = 0, to_host_bytes = 0, disk_read_bytes = 0, disk_written_bytes = 0;
  double simulated_s = 0;
  double gpu_dollars = 0, host_dollars = 0, disk_dollars = 0;
  std::vector<double> hit_share_over_time;  ///< of equal parts of the requests

  double hit_token_share() const;
  double full_hit_share() const;
  double gpu_s() const { return prefill_gpu_s + decode_gpu_s + load_wait_gpu_s + save_wait_gpu_s; }
  /// Prompt tokens, computed or not, for each second that prompts took.
  double prefill_tokens_per_s() const;
  double dollars() const { return gpu_dollars + host_dollars + disk_dollars; }
};

/// `capacity_tokens`: what host and disk hold together, the host no more than the machine says; 0: the machine's.
/// Throws std::runtime_error with one line where machine and workload do not go together.
machine_result simulate(const workload& what, const machine& on, const std::string& policy,
                        std::uint64_t capacity_tokens = 0);

}  // namespace chromatin::sim
