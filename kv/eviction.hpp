#pragma once

/// Which chunk leaves a full tier next. Pure logic, no thread, no clock: the order of calls is all a policy knows.

#include <functional>
#include <list>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::kv {

/// A turn that is about to run, as the scheduler foresees it (CachedAttention §3.3: scheduler-aware eviction).
struct upcoming_turn {
  std::uint64_t conversation = 0;
  std::vector<chunk_key> keys;    ///< its chain, head first
  std::int64_t starts_in_us = 0;  ///< expected, from the moment of the hint
  std::uint8_t priority = 50;     ///< 0 to 100
};

/// A replacement policy of one tier. Every policy sees the same calls; the tier decides what may go (pinned chunks may
/// not).
class eviction_policy {
 public:
  virtual ~eviction_policy() = default;

  /// A chain, head first, was used or stored. Keys the policy does not know yet are new.
  virtual void touch(std::span<const chunk_key> chain) = 0;
  /// The scheduler's view of what comes next replaces the one before.
  virtual void hint(std::span<const upcoming_turn> upcoming) = 0;
  /// The chunk left the tier.
  virtual void erase(chunk_key key) = 0;
  /// The best chunk to give up among those for which `may_go` holds; the caller erases it. Empty when there is none.
  virtual std::optional<chunk_key> victim(const std::function<bool(chunk_key)>& may_go) = 0;
};

/// Least recently used first, and of one chain the tail before the head: a head serves every continuation, and a tail
/// without its head serves none.
class lru_policy final : public eviction_policy {
 public:
  void touch(std::span<const chunk_key> chain) override;
  void hint(std::span<const upcoming_turn>) override {}
  void erase(chunk_key key) override;
  std::optional<chunk_key> victim(const std::function<bool(chunk_key)>& may_go) override;

 private:
  std::list<chunk_key> order_;  // next victim first
  std::unordered_map<chunk_key, std::list<chunk_key>::iterator> where_;
};

}  // namespace chromatin::kv
