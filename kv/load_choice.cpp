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
  std::uint64_t loaded = 0;
  auto best_us = std::numeric_limits<double>::max();
  for (std::size_t count = 0; count <= tokens.size(); ++count) {
    auto load = count == 0 ? 0 : std::max(0.0, load_us(count) - cost.starts_in_us);
    auto beside = static_cast<double>(std::min<std::uint64_t>(left, cost.beside_tokens)) * cost.us_per_token;
    auto us = std::max(load, beside) + static_cast<double>(left) * cost.us_per_token - beside;
    if (us <= best_us && (count == 0 || loaded >= cost.head_tokens)) best = count, best_us = us;
    if (count < tokens.size()) left -= tokens[count], loaded += tokens[count];
  }
  return best;
}

}  // namespace chromatin::kv
