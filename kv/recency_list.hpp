#pragma once

/// The order of use of the tiers as they are now; goes when they use kv::eviction_policy.

#include <functional>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kv/eviction.hpp"

namespace chromatin::kv {

/// Least recently used first, and of one chain the tail before the head: a head serves every continuation, and a tail
/// without its head serves none.
class recency_list {
 public:
  void touch(std::span<const chunk_key> chain);
  void hint(std::span<const upcoming_turn>) {}
  void erase(chunk_key key);
  std::optional<chunk_key> victim(const std::function<bool(chunk_key)>& may_go);

 private:
  std::list<chunk_key> order_;  // next victim first
  std::unordered_map<chunk_key, std::list<chunk_key>::iterator> where_;
};

}  // namespace chromatin::kv
