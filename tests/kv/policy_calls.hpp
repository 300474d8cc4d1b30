#pragma once

/// What tests of policies call, with small numbers in place of keys.

#include <cstdint>
#include <initializer_list>
#include <vector>

#include "kv/policy/policies.hpp"

namespace chromatin::kv {

inline constexpr std::uint64_t all = ~std::uint64_t{0};

inline chunk_key key(std::uint64_t n) { return {0, n}; }

/// Arrivals of a chain, head first, each safe below at once.
inline void store(eviction_policy& policy, std::initializer_list<std::uint64_t> chain) {
  std::uint32_t depth = 0;
  for (auto n : chain) {
    policy.insert(key(n), {.depth = depth++, .bytes = 10});
    policy.safe_below(key(n), true);
  }
}

inline void touch(eviction_policy& policy, std::initializer_list<std::uint64_t> chain, const chain_use& use = {}) {
  std::vector<chunk_key> keys;
  for (auto n : chain) keys.push_back(key(n));
  policy.touch(keys, use);
}

inline std::vector<std::uint64_t> victims(eviction_policy& policy, std::uint64_t bytes = all) {
  std::vector<std::uint64_t> result;
  for (auto k : policy.victims(bytes, 0)) result.push_back(k.low);
  return result;
}

using order = std::vector<std::uint64_t>;

}  // namespace chromatin::kv
