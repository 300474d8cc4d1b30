#pragma once

/// How values are spread. Pure.

#include <vector>

namespace chromatin::sim {

struct distribution {
  double mean = 0, p50 = 0, p99 = 0;
};
/// Percentiles by the nearest rank; all zero for no values.
distribution distribution_of(std::vector<double> values);

}  // namespace chromatin::sim
