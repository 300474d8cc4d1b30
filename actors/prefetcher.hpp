#pragma once

/// The prefetcher: looks at what the scheduler will run next and has the host tier raise what is not there yet, nearest
/// turn first, within a byte budget (CachedAttention §3.3: scheduler-aware fetching, look-ahead window).

#include <map>
#include <unordered_set>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

struct prefetcher_state {
  static inline const char* name = "prefetcher";

  explicit prefetcher_state(prefetcher_actor::stateful_pointer<prefetcher_state> owner) : self{owner} {}

  void hint(const hints& next);
  /// `cost`: of what is not ordered, or does not come in time.
  void order(const std::vector<kv::link>& chain, caf::timespan deadline, const kv::recompute_cost& cost);
  void on_ended(ticket id);
  /// No turn waits: what is likely to be wanted soon is raised, if there is room.
  void on_idle();
  void attach(const caf::strong_actor_ptr& tier);
  void detach();
  counters stats() const;

  prefetcher_actor::stateful_pointer<prefetcher_state> self;
  std::uint32_t layers = 0;
  std::uint32_t window_chunks = 0;  ///< how many chunks may be raised ahead of need: a part of the host's capacity
  caf::timespan idle_pause{};       ///< between looks at what is likely to be wanted soon; 0: nobody looks
  tier_actor host;

 private:
  void look_later();

  std::map<ticket, std::uint32_t> under_way;  ///< orders and how many chunks each raises
  std::uint32_t chunks_under_way = 0;
  std::unordered_set<std::uint64_t> seen;  ///< turns that have been ordered for and are still upcoming
  bool turns_wait = false;                 ///< by the last hint
  bool looks = false;                      ///< a look is due or under way
  std::int64_t hints_seen = 0, ordered = 0, expected = 0, failed = 0;
};

prefetcher_actor::behavior_type prefetcher(prefetcher_actor::stateful_pointer<prefetcher_state> self,
                                           std::uint32_t layers, std::uint32_t window_chunks, caf::timespan idle_pause);

}  // namespace chromatin
