#pragma once

/// What a run's turns add up to. Pure.

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/replay/run.hpp"
#include "sim/distribution.hpp"

namespace chromatin::replay {

using sim::distribution, sim::distribution_of;

struct tier_tokens {
  std::string tier;
  std::uint64_t tokens = 0;
};

struct summary {
  std::size_t turns = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t prefill_tokens_computed = 0;
  std::uint64_t answer_tokens = 0;
  std::uint64_t dropped_tokens = 0;                                        ///< that left full windows
  std::vector<tier_tokens> hits{{"device", 0}, {"host", 0}, {"disk", 0}};  ///< then what other tiers a server names
  distribution ttft_ms, ttft_ms_turn5_on;
  double wall_s = 0;

  double reused_share() const;
  /// Tokens of prompts that came from this tier.
  std::uint64_t tokens_from(std::string_view tier) const;
  double prompt_tokens_per_s() const { return wall_s > 0 ? static_cast<double>(prompt_tokens) / wall_s : 0; }
};
summary summarise(const run_result& result);

/// Do both runs say the same? Two prompts are comparable as long as all answers before were the same.
struct agreement {
  std::size_t comparable = 0, same = 0, all = 0, same_of_all = 0;
  double share() const { return comparable ? static_cast<double>(same) / static_cast<double>(comparable) : 1; }
};
agreement compare(const run_result& a, const run_result& b);

nlohmann::ordered_json to_json(const summary& s);

}  // namespace chromatin::replay
