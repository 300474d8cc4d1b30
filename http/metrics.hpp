#pragma once

/// Counters in Prometheus's text form. Pure.

#include <string>
#include <vector>

#include "actors/messages.hpp"

namespace chromatin::http {

/// A line for each: chromatin_PART_NAME VALUE.
std::string to_metrics(const std::vector<counters>& parts);

}  // namespace chromatin::http
