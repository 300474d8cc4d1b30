#include "sim/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace chromatin::sim {

distribution distribution_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  auto rank = [&](double share) {
    auto index = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::max<std::size_t>(index, 1) - 1];
  };
  auto sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), rank(0.5), rank(0.99)};
}

}  // namespace chromatin::sim
