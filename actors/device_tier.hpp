#pragma once

/// The device tier: the pages the backend computes in, and what of them can be reused.
///
/// A turn is admitted when its whole block table fits: pages of reused chunks (shared and pinned, or filled from below
/// layer by layer) and fresh pages for what is computed. Turns that find no room wait here in order. A chunk becomes
/// reusable with its last layer, and may be evicted once the tier below has it.

#include <deque>
#include <map>
#include <optional>
#include <unordered_map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

struct device_tier_state {
  static inline const char* name = "device-tier";

  struct entry {
    kv::link link;
    std::uint32_t depth = 0;
    kv::page_ref page;
    std::uint32_t pins = 0;
    bool below = false;    ///< the tier below has it safe
    bool refused = false;  ///< the tier below could not take it: it may go, counted as dropped
  };

  /// A turn that has its pages.
  struct holder {
    key_list pinned;  ///< its chain as far as it is in the index, head first
    key_list saving;  ///< chunks whose layers are being saved
  };

  /// A turn that has no pages yet.
  struct waiter {
    admission order;
    caf::typed_response_promise<admitted> promise;
    std::uint32_t failures = 0;
  };

  /// Chunks on their way up into a turn's pages.
  struct load {
    turn_id turn = 0;
    std::vector<chunk> chunks;
    admitted answer;
    std::optional<waiter> waiting;  ///< until the answer is given
  };

  explicit device_tier_state(device_tier_actor::stateful_pointer<device_tier_state> owner) : self{owner} {}

  caf::result<admitted> admit(admission order);
  void try_waiting();
  void save(turn_id turn, const save_order& order);
  void release(const release_order& order);
  void on_ready(ticket id, std::uint32_t layer);
  void on_failed(ticket id);
  void on_late(ticket id);
  void on_saved(const key_list& keys, bool safe);
  void attach(const caf::strong_actor_ptr& tier);
  void detach();
  counters stats() const;

  device_tier_actor::stateful_pointer<device_tier_state> self;
  kv::geometry geometry;
  std::shared_ptr<kv::page_arena> arena;
  std::unique_ptr<kv::recency_list> policy;
  layer_sink_actor executor;
  tier_actor lower;       ///< null when nothing stands below
  bool retrying = false;  ///< a `proceed` message is on its way

 private:
  bool try_admit(waiter& w);
  std::uint32_t resident_run(const std::vector<kv::link>& links) const;
  bool take_pages(std::uint32_t count, std::vector<kv::page_ref>& pages);
  void load_rest(waiter w, std::uint32_t run, admitted answer);
  void start_load(waiter w, std::uint32_t run, admitted answer, const fetch_order& order, const fetch_started& started);
  void give_up(load l, bool may_load);
  void make_reusable(const chunk& c, holder& owner, bool below);
  void drop(kv::chunk_key key);
  void unpin(const key_list& keys);

  std::unordered_map<kv::chunk_key, entry> index;
  std::map<turn_id, holder> holders;
  std::deque<waiter> waiting;
  std::map<ticket, load> loads;

  std::int64_t hits = 0, loaded = 0, computed = 0, evicted = 0, dropped = 0, refused = 0, late = 0, failed = 0;
};

/// Spawn function. `executor` is told of the layers that arrive.
device_tier_actor::behavior_type device_tier(device_tier_actor::stateful_pointer<device_tier_state> self,
                                             kv::geometry geometry, std::shared_ptr<kv::page_arena> arena,
                                             layer_sink_actor executor);

}  // namespace chromatin
