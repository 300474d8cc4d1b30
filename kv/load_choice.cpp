#include "kv/load_choice.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace chromatin::kv {

std::size_t chunks_to_load(std::span<const std::uint32_t> tokens, const recompute_cost& cost,
                           const std::function<double(std::size_t)>& load_us) {
  if (cost.us_per_token <= 0) return tokens.size();
  auto left = std::accumulate(tokens.begin(), tokens.end(), std::uint64_t{cost.tokens_after});
  std::size_t best = 0;
  auto best_us = std::numeric_limits<double>::max();
  for (std::size_t count = 0; count <= tokens.size(); ++count) {
    auto us = std::max(count == 0 ? 0 : load_us(count), static_cast<double>(left) * cost.us_per_token);
    if (us <= best_us) best = count, best_us = us;
    if (count < tokens.size()) left -= tokens[count];
  }
  return best;
}

}  // namespace chromatin::kv
