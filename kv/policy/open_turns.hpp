#pragma once

/// The conversations whose next turn may come, by the age of their last one. Tells the classes what happens to them.

#include <array>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "kv/eviction.hpp"
#include "kv/policy/return_classes.hpp"

namespace chromatin::kv {

class open_turns {
 public:
  using id = std::uint64_t;

  /// `older` is told of each conversation that reaches its next age: its index is another then.
  explicit open_turns(std::function<void(id)> older) : older_{std::move(older)} {}

  /// Time goes on; going back is passed over.
  void advance(std::int64_t now_us);
  std::int64_t now_us() const { return now_us_; }

  /// A turn of the conversation begins. Until it settles its cache is worth most.
  void begins(id conversation, std::uint64_t turn);
  /// It is over: the time until the next one begins to run.
  void settles(const chain_use& use);
  /// Something that is not known to be a conversation's: valued as everybody's, nothing is learned from it.
  void opens_unknown(id what);
  void forget(id what);

  bool knows(id what) const { return records_.contains(what); }
  /// It is known and nobody serves it.
  bool is_idle(id what) const;
  /// The Gittins index now; 0 for what is not known (any more).
  double index(id what) const;
  /// That its next turn comes within the horizon; 0 for what is not known, and while a turn is under way.
  double chance(id what, double horizon_s) const;
  const return_classes& classes() const { return classes_; }

  void save(std::vector<std::byte>& out) const;
  bool load(std::span<const std::byte>& in);

 private:
  enum class state : std::uint8_t { idle, served, unknown };

  struct record {
    std::int64_t since_us = 0;
    std::uint64_t turn = 0;     ///< the one under way or the last
    id before = 0, behind = 0;  ///< in the list of its age; 0: none
    std::uint64_t tokens = 0;   ///< of the conversation
    float gap_s = 0, usual_gap_s = 0;
    return_classes::class_id of = return_classes::everybody;
    std::uint32_t turns = 0;
    traits with{};
    std::uint8_t age = 0;
    state now = state::idle;
  };
  /// Records of one age, in the order in which they reach the next.
  struct list {
    id first = 0, last = 0;
  };

  void append(id what, record& r, std::size_t age);
  void unlink(record& r);
  void restart(id what, record& r, state now);
  return_classes::class_id class_of(record& r);

  std::function<void(id)> older_;
  return_classes classes_;
  std::unordered_map<id, record> records_;
  std::array<list, ages_count> ages_;
  std::int64_t now_us_ = 0;
  bool resumes_ = false;  ///< loaded: the clock may be another, and goes on from its first value
};

}  // namespace chromatin::kv
