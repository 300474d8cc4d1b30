#pragma once

/// Runs on machines as a table, as JSON, as a page with charts. The same runs make the same bytes.

#include <span>
#include <string>

#include "sim/machine/run.hpp"

namespace chromatin::sim {

/// A column a run.
std::string text_table(std::span<const machine_result> runs);

/// {"runs": [{"policy", "capacity_tokens", "requests", "hit_token_share", "full_hit_share",
///            "ttft_ms": {"mean", "p50", "p99"}, "tiers": {name: {"hit_tokens", "hit_share"}}, …}]}
std::string to_json(std::span<const machine_result> runs);

/// `title` says what was served.
std::string to_html(std::span<const machine_result> runs, const std::string& title);

}  // namespace chromatin::sim
