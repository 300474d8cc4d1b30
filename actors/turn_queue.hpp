#pragma once

/// The one queue: turns that wait for pages. Bookkeeping without an actor or a clock.
///
/// Clients get equal shares of tokens (start-time fair queueing): each has a tag, the tokens it was given so far, and
/// the one with the least goes first; one that was away begins where the others are. Among a client's own turns
/// priority decides first, and it grows while a turn waits, so that none waits for ever; then who answers already; then
/// its connections get equal shares in the same way.

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "actors/sequence.hpp"

namespace chromatin {

class turn_queue {
 public:
  using time_point = caf::actor_clock::time_point;

  bool empty() const { return turns_.empty(); }
  std::size_t size() const { return turns_.size(); }
  bool is_first(const sequence& s, time_point now) const;

  /// The turn waits from now on. It must stay where it is in memory until it ended.
  void insert(sequence& s);
  /// The turn was admitted: those ahead of it were passed over, and its client pays.
  void admitted(sequence& s, time_point now);
  /// The turn is over, wherever it was; what it paid too much is given back.
  void ended(const sequence& s);
  /// There was no room for the turn; it is no candidate until `room_changed`.
  void denied(const sequence& s) { denied_.insert(&s); }
  void room_changed() { denied_.clear(); }
  /// The first turn that may be asked for. A small turn may pass one that was denied, but not for ever: null behind one
  /// that was passed over `passed_over_max` times.
  sequence* candidate(std::uint32_t passed_over_max, time_point now) const;
  /// The `count` turns that will run next, for hints; a turn leaves the queue every `turn_us`.
  hints look_ahead(std::size_t count, double turn_us, time_point now) const;
  /// The first `count` turns in the order in which they would be admitted.
  std::vector<sequence*> in_order(std::size_t count, time_point now) const;
  void clear();

  /// A turn's priority and what it has waited; ten points make a difference.
  static int urgency(const sequence& s, time_point now);

 private:
  struct share {
    double finish = 0;  ///< of the last turn, in tokens
    std::uint32_t turns = 0;
  };
  struct client {
    double tag = 0;    ///< tokens that it was given and has paid
    double debt = 0;   ///< tokens that it was given beyond the price of its turns
    double start = 0;  ///< the tag, among its connections, of the turn it was given last
    std::uint32_t turns = 0;
    std::map<std::uint64_t, share> connections;
  };

  /// The turn does not wait any more; unknown ones are passed over.
  void erase(const sequence& s);

  std::vector<sequence*> turns_;  ///< by arrival
  std::map<std::uint64_t, client> clients_;
  double start_ = 0;  ///< the tag of the client that was served last
  std::set<const sequence*> denied_;
};

}  // namespace chromatin
