#pragma once

/// Which chunk leaves a full tier next. Pure logic: no thread, no clock; times are passed in. The policies that there
/// are: kv/policy/ and docs/policies.md.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kv/chunk.hpp"
#include "kv/retention.hpp"

namespace chromatin::kv {

/// A turn that is about to run, as the scheduler foresees it (CachedAttention §3.3: scheduler-aware eviction).
struct upcoming_turn {
  std::uint64_t conversation = 0;
  std::vector<chunk_key> keys;    ///< its chain, head first
  std::int64_t starts_in_us = 0;  ///< expected, from the moment of the hint
  std::uint8_t priority = usual_priority;
};

/// What a tier knows of a chunk when it arrives.
struct chunk_facts {
  std::uint32_t depth = 0;                ///< its index in its chain
  std::uint32_t bytes = 0;                ///< of room that it takes here
  std::uint32_t fill = tokens_per_chunk;  ///< tokens in that room: the end of a conversation has few
  std::int64_t recompute_us = 0;          ///< what computing it again would take; 0: not known
  std::int64_t load_us = 0;               ///< what loading it from the tier below would take; 0: not known
  bool loaded = false;                    ///< from the tier below, ahead of a use; else a turn computed it
};

/// Who used a chain, and when. Sent at a turn's admission and again when it settles: the length of the answer says most
/// about when the user returns. A tier may hear of the settling only.
struct chain_use {
  std::int64_t now_us = 0;
  std::uint64_t conversation = 0;   ///< below 2^63; 0: not known
  std::uint64_t turn = 0;           ///< the same at all uses by one turn; 0: each use is a turn of its own
  std::uint32_t prompt_tokens = 0;  ///< the conversation up to this answer
  std::uint32_t answer_tokens = 0;  ///< so far
  bool settled = false;             ///< the turn is over, and this is its whole chain
  retention keep = {};
};

/// Chunks of one conversation that nobody serves now, head first.
struct expected_use {
  std::vector<chunk_key> keys;
  double worth = 0;  ///< of holding one of them: the uses to be expected for each second
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
  /// A chain, head first, was used. Of keys that are not here it counts when they arrive: what a turn saves when it
  /// settles comes later.
  virtual void touch(std::span<const chunk_key> chain, const chain_use& use) = 0;
  /// Pins are counted; unpin balances pin. The key must be known.
  virtual void pin(chunk_key key) = 0;
  virtual void unpin(chunk_key key) = 0;
  /// Nobody is expected to use this chunk again: it goes first. A touch takes that back. If it is not here, this counts
  /// when it is saved later.
  virtual void retire(chunk_key key) = 0;
  /// The scheduler's view of what comes next replaces the one before.
  virtual void hint(std::span<const upcoming_turn> upcoming, std::int64_t now_us) = 0;
  /// The chunk left the tier; it must be known and not be pinned.
  virtual void erase(chunk_key key) = 0;

  /// Chunks to give up until `bytes` are free, worst first, as many as there are; the caller erases them. Of one chain
  /// the tail goes before the head: a head serves every continuation, and a tail without its head serves none.
  virtual std::vector<chunk_key> victims(std::uint64_t bytes, std::int64_t now_us) = 0;
  /// What `victims` could free at most.
  virtual std::uint64_t evictable_bytes() const = 0;
  virtual std::uint32_t pins(chunk_key key) const = 0;

  /// Conversations that have become likelier to return since the last call, the likeliest first, with their chunks that
  /// are here; about `chunks_max` chunks. None of a policy that expects nothing.
  virtual std::vector<expected_use> expected(std::size_t /*chunks_max*/, std::int64_t /*now_us*/) { return {}; }
  /// What holding the chunk that goes next is worth, in the same measure; empty: it must not go for something that is
  /// only expected.
  virtual std::optional<double> least_worth(std::int64_t /*now_us*/) { return {}; }

  /// It learns when conversations return.
  virtual bool foretells() const { return false; }
  /// The chance that the conversation's next turn comes within the horizon. 0 of a policy that foretells nothing, and
  /// where nothing is known.
  virtual double returns_within(std::uint64_t /*conversation*/, std::int64_t /*horizon_us*/, std::int64_t /*now_us*/) {
    return 0;
  }

  /// What the policy has learned and is worth keeping over a restart; empty: nothing.
  virtual std::vector<std::byte> learned() const { return {}; }
  /// Goes on with what an earlier run learned. False, and nothing happens, if it is not from such a policy or damaged.
  virtual bool learn(std::span<const std::byte>) { return false; }
};

}  // namespace chromatin::kv
