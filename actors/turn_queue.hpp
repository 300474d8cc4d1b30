#pragma once

/// The one queue: turns that wait for pages, in their total order (actors/sequence.hpp). Bookkeeping without an actor.

#include <set>
#include <vector>

#include "actors/sequence.hpp"

namespace chromatin {

class turn_queue {
 public:
  bool empty() const { return turns_.empty(); }
  std::size_t size() const { return turns_.size(); }
  bool is_first(const sequence& s) const { return !turns_.empty() && turns_.front() == &s; }

  /// The turn waits from now on, at its place. It must stay where it is in memory until it leaves.
  void insert(sequence& s);
  /// The turn does not wait any more; unknown ones are passed over.
  void erase(const sequence& s);
  /// The turn was admitted: those ahead of it were passed over.
  void admitted(const sequence& s);
  /// There was no room for the turn; it is no candidate until `room_changed`.
  void denied(const sequence& s) { denied_.insert(&s); }
  void room_changed() { denied_.clear(); }
  /// The first turn that may be asked for. A small turn may pass one that was denied, but not for ever: null behind one
  /// that was passed over `passed_over_max` times.
  sequence* candidate(std::uint32_t passed_over_max) const;
  /// What will run next, for hints; a turn leaves the queue every `turn_us`.
  hints look_ahead(double turn_us) const;
  void clear() { turns_.clear(), denied_.clear(); }

 private:
  std::vector<sequence*> turns_;
  std::set<const sequence*> denied_;
};

}  // namespace chromatin
