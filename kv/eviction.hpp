#pragma once

/// Which chunk leaves a full tier next. Pure logic: no thread, no clock; times are passed in.

#include <cstdint>
#include <set>
#include <span>
#include <tuple>
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

/// What a tier knows of a chunk when it arrives.
struct chunk_facts {
  std::uint32_t depth = 0;        ///< its index in its chain
  std::uint32_t bytes = 0;        ///< of room that it takes here
  std::int64_t recompute_us = 0;  ///< what computing it again would take; 0: not known
  std::int64_t load_us = 0;       ///< what loading it from the tier below would take; 0: not known
};

/// Who used a chain, and when. Sent at a turn's admission and again when it settles: the length of the answer says most
/// about when the user returns.
struct chain_use {
  std::int64_t now_us = 0;
  std::uint64_t conversation = 0;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t answer_tokens = 0;  ///< 0 at admission
  std::uint8_t priority = 50;
};

/// A replacement policy of one tier: owns the set of chunks that may go. A chunk may go when nobody has pinned it and
/// the tier below has it safe (or there is none below, or it was refused there: the tier says so by safe_below).
class eviction_policy {
 public:
  virtual ~eviction_policy() = default;

  /// A chunk arrived: not pinned, not safe below. Its key must be new.
  virtual void insert(chunk_key key, const chunk_facts& facts) = 0;
  /// Whether losing the chunk here is no loss. The key must be known.
  virtual void safe_below(chunk_key key, bool safe) = 0;
  /// A chain, head first, was used; keys that are not here are passed over.
  virtual void touch(std::span<const chunk_key> chain, const chain_use& use) = 0;
  /// Pins are counted; unpin balances pin. The key must be known.
  virtual void pin(chunk_key key) = 0;
  virtual void unpin(chunk_key key) = 0;
  /// Nobody is expected to use this chunk again: it goes first. A touch takes that back. Unknown keys are passed over.
  virtual void retire(chunk_key key) = 0;
  /// The scheduler's view of what comes next replaces the one before.
  virtual void hint(std::span<const upcoming_turn> upcoming, std::int64_t now_us) = 0;
  /// The chunk left the tier; it must be known and not be pinned.
  virtual void erase(chunk_key key) = 0;

  /// Chunks to give up until `bytes` are free, worst first, as many as there are; the caller erases them.
  virtual std::vector<chunk_key> victims(std::uint64_t bytes, std::int64_t now_us) const = 0;
  /// What `victims` could free at most.
  virtual std::uint64_t evictable_bytes() const = 0;
  virtual std::uint32_t pins(chunk_key key) const = 0;
};

/// Least recently used first, and of one chain the tail before the head: a head serves every continuation, and a tail
/// without its head serves none.
class lru_policy final : public eviction_policy {
 public:
  void insert(chunk_key key, const chunk_facts& facts) override;
  void safe_below(chunk_key key, bool safe) override;
  void touch(std::span<const chunk_key> chain, const chain_use& use) override;
  void pin(chunk_key key) override;
  void unpin(chunk_key key) override;
  void retire(chunk_key key) override;
  void hint(std::span<const upcoming_turn>, std::int64_t) override {}
  void erase(chunk_key key) override;
  std::vector<chunk_key> victims(std::uint64_t bytes, std::int64_t now_us) const override;
  std::uint64_t evictable_bytes() const override { return evictable_bytes_; }
  std::uint32_t pins(chunk_key key) const override;

 private:
  struct entry {
    chunk_facts facts;
    std::uint64_t used = 0;  ///< number of the touch; chunks of one touch go deepest first
    std::uint32_t pins = 0;
    bool safe = false;
    bool retired = false;
  };
  /// In the order in which chunks go: retired ones, then by use, then from the deepest up.
  using rank = std::tuple<bool, std::uint64_t, std::uint32_t, chunk_key>;

  static rank rank_of(chunk_key key, const entry& e) { return {!e.retired, e.used, ~e.facts.depth, key}; }
  static bool may_go(const entry& e) { return e.pins == 0 && e.safe; }
  /// Changes an entry and keeps the set of those that may go.
  template <class Change>
  void update(chunk_key key, Change change);

  std::unordered_map<chunk_key, entry> entries_;
  std::set<rank> evictable_;
  std::uint64_t evictable_bytes_ = 0;
  std::uint64_t touches_ = 1;
};

}  // namespace chromatin::kv
