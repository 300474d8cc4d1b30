#pragma once

/// Counters in Prometheus's text form. Pure.

#include <string>
#include <vector>

#include "actors/client_values.hpp"

namespace chromatin::http {

/// Each with its help and its type: chromatin_PART_NAME, of tiers chromatin_tier_NAME{tier="…"}, of the supervisor
/// chromatin_part_up{part="…"}. Counters end in _total, and times are seconds.
std::string to_metrics(const std::vector<counters>& parts);

}  // namespace chromatin::http
