#pragma once

/// The one queue: turns that wait for pages. Bookkeeping without an actor or a clock; times that are passed in do not
/// go back. What a change or a look at the first turns costs does not grow with the queue.
///
/// Clients get equal shares of tokens (start-time fair queueing): each has a tag, the tokens it was given so far, and
/// the one with the least goes first; one that was away begins where the others are. Among a client's own turns
/// priority decides first, and it grows while a turn waits, so that none waits for ever; then who answers already; then
/// its connections get equal shares in the same way.

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

#include "actors/sequence.hpp"

namespace chromatin {

class turn_queue {
 public:
  using time_point = caf::actor_clock::time_point;

  bool empty() const { return places_.empty(); }
  std::size_t size() const { return places_.size(); }
  /// Clients with a turn that waits or runs.
  std::size_t clients() const { return clients_with_turns_; }
  bool is_first(const sequence& s, time_point now);

  /// The turn waits from now on. It must stay where it is in memory until it ended.
  void insert(sequence& s);
  /// The turn was admitted: those ahead of it were passed over, and its client pays.
  void admitted(sequence& s, time_point now);
  /// The turn is over, wherever it was; what it paid too much is given back.
  void ended(const sequence& s);
  /// There was no room for the turn; it is no candidate until `room_changed`.
  void denied(const sequence& s) { denied_.insert(&s); }
  bool has_denied() const { return !denied_.empty(); }
  void room_changed() { denied_.clear(); }
  /// The first turn that may be asked for. A small turn may pass one that was denied, but not for ever: null behind one
  /// that was passed over `passed_over_max` times.
  sequence* candidate(std::uint32_t passed_over_max, time_point now);
  /// When turns will leave the queue, and what it takes to compute what is not loaded for them by then.
  struct outlook {
    double turn_us = 0;   ///< one leaves the queue in every such time
    double first_us = 0;  ///< the first one not before
    std::function<kv::recompute_cost(const sequence&)> cost = [](const sequence&) { return kv::recompute_cost{}; };
  };
  /// The `count` turns that will run next, for hints.
  hints look_ahead(std::size_t count, const outlook& foreseen, time_point now);
  /// The first `count` turns in the order in which they would be admitted.
  std::vector<sequence*> in_order(std::size_t count, time_point now);
  void clear();

  /// A turn's priority and what it has waited; ten points make a difference.
  static int urgency(const sequence& s, time_point now);

 private:
  /// A waiting turn's among its client's. The first part is what it was when its urgency changed last.
  using place = std::tuple<int, bool, double, std::uint64_t, sequence*>;
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
    std::set<place> waiting;
  };
  /// A client's with a waiting turn: its tag, and its first turn's arrival.
  using standing = std::tuple<double, std::uint64_t, const client*>;
  struct waiting_turn {
    place at;
    time_point rises;  ///< when it becomes more urgent; max(): not any more
  };
  class walk;

  /// The turn does not wait any more; unknown ones are passed over.
  void erase(const sequence& s);
  /// Takes the client out of the line, and puts it where it belongs now: around every change of its tag or its turns.
  void step_out(const client& c);
  void step_in(const client& c);
  void set_place(client& c, sequence& s, int urgency, time_point not_before);
  /// Turns that have become more urgent get their new places.
  void advance(time_point now);

  std::unordered_map<const sequence*, waiting_turn> places_;
  std::set<std::pair<time_point, sequence*>> rising_;
  std::map<std::uint64_t, client> clients_;
  std::set<standing> line_;
  std::size_t clients_with_turns_ = 0, forget_above_ = 0;
  double start_ = 0;  ///< the tag of the client that was served last
  std::set<const sequence*> denied_;
};

}  // namespace chromatin
