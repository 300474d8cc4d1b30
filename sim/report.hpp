#pragma once

/// Runs as a table, as JSON, as charts. The same runs make the same bytes.

#include <span>
#include <string>

#include "sim/flat.hpp"

namespace chromatin::sim {

/// A row a policy, a column a capacity, its share of tokens that were reused in each cell.
std::string text_table(std::span<const run_result> runs);

/// {"runs": [{"policy", "capacity_tokens", "requests", "hit_token_share", "full_hit_share",
///            "ttft_ms": {"mean", "p50", "p99"}, "tiers": {…}}]}. Without a machine there are no times: they are null.
std::string to_json(std::span<const run_result> runs);

/// A page with the table and the charts; `title` says what was replayed.
std::string to_html(std::span<const run_result> runs, const std::string& title);

/// The picture of shares over capacities alone, for documents.
std::string to_svg(std::span<const run_result> runs);

}  // namespace chromatin::sim
