#include "sim/known_future.hpp"

#include <algorithm>

namespace chromatin::sim {

std::int64_t known_future::next_use(kv::chunk_key key) const {
  if (uses_.empty()) {
    std::vector<block> chain;
    for (std::uint32_t i = 0; i < trace_.requests().size(); ++i) {
      trace_.reusable(i, chain);
      for (const auto& b : chain) uses_[b.key].push_back(i);
    }
  }
  constexpr auto never = std::numeric_limits<std::int64_t>::max();
  auto uses = uses_.find(key);
  if (uses == uses_.end()) return never;
  auto next = std::upper_bound(uses->second.begin(), uses->second.end(), now_);
  return next == uses->second.end() ? never : std::int64_t{*next};
}

}  // namespace chromatin::sim
