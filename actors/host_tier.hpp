#pragma once

/// The host tier: chunks in host memory, between the device's arena and the disk.
///
/// Saving (CachedAttention §3.2.2, asynchronous saving): the device hands over slices as layers finish; the host copies
/// them, makes their checksums, acknowledges, and passes whole chunks down. Loading (§3.2.1, layer-wise pre-loading): a
/// fetch order is served layer by layer; what the host lacks is raised from below straight into host pages and passed
/// on as it arrives.

#include <deque>
#include <map>
#include <set>
#include <unordered_map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

struct host_tier_state {
  static inline const char* name = "host-tier";

  /// A chunk in host memory, or on its way there.
  struct entry {
    kv::link link;
    std::uint32_t depth = 0;
    kv::page_ref page;
    checksum_list checksums;
    bool complete = false;       ///< all layers are in place and `checksums` is set
    bool below = false;          ///< the tier below has it safe
    bool refused = false;        ///< the tier below could not take it: it may go, counted as dropped
    bool raised_unused = false;  ///< came from below ahead of need; its first use counts as a hit there
    std::uint32_t pins = 0;
    ticket raise = 0;  ///< the order that brings it from below, 0 if none
  };

  /// Chunks on their way up from the tier below, all ordered at once.
  struct raise {
    key_list keys;
    std::uint32_t layers_ready = 0;
  };

  /// A fetch order being served.
  struct transfer {
    layer_sink_actor sink;
    key_list keys;  ///< pinned until it ends
    std::vector<kv::page_ref> from;
    std::vector<checksum_list> checksums;
    std::vector<kv::page_ref> into;  ///< empty when chunks are only raised to here
    std::set<ticket> raises;         ///< what it waits for
    std::uint32_t next_layer = 0;
  };

  explicit host_tier_state(host_tier_actor::stateful_pointer<host_tier_state> owner) : self{owner} {}

  // -- loading --
  std::vector<bool> lookup(const key_list& keys) const;
  caf::result<fetch_started> fetch(fetch_order order, layer_sink_actor sink);
  void cancel(ticket id);
  void on_ready(ticket id, std::uint32_t layer);
  void on_failed(ticket id, std::uint32_t index);
  void proceed();

  // -- saving --
  void save(const save_order& order, const upper_tier_actor& upper);
  void on_saved(const key_list& keys);
  void on_refused(const key_list& keys);

  // -- the hierarchy --
  void attach(const caf::strong_actor_ptr& lower);
  void detach();
  void pin(const key_list& keys, bool on);
  void touch(const key_list& keys);
  void erase(const key_list& keys);
  counters stats() const;

  host_tier_actor::stateful_pointer<host_tier_state> self;
  kv::geometry geometry;
  std::shared_ptr<kv::page_arena> arena;
  std::unique_ptr<kv::recency_list> policy;
  tier_actor lower;  ///< null when this is the last tier

 private:
  kv::page_ref allocate();
  bool may_go(kv::chunk_key key) const;
  std::vector<kv::link> missing(const fetch_order& order) const;
  void adopt_raised(const fetch_order& order, const fetch_started& started);
  fetch_started promise_run(const fetch_order& order, const layer_sink_actor& sink);
  void schedule_proceed();
  bool layer_arrived(const transfer& t) const;
  bool copy_layer(const transfer& t, std::uint32_t& damaged) const;
  void end_transfer(ticket id);
  void fail_transfer(ticket id, std::uint32_t index);
  void drop(kv::chunk_key key);
  void save_slices(const chunk& c, std::uint32_t layer_begin, std::uint32_t layer_end);
  bool open_entry(const chunk& c);
  void pass_down(const key_list& keys);

  std::unordered_map<kv::chunk_key, entry> index;
  std::unordered_map<kv::chunk_key, std::vector<std::uint64_t>>
      incoming;  ///< checksums of chunks being saved layer by layer
  std::map<ticket, raise> raises;
  std::map<ticket, transfer> transfers;
  bool proceeding = false;  ///< a `proceed` message is on its way

  std::int64_t hits = 0, misses = 0, raised = 0, stored = 0, evicted = 0, dropped = 0, refused = 0, corrupt = 0;
};

/// Spawn function. `arena` holds the tier's pages (one chunk each); it may outlive the actor, so that a restart finds
/// it again.
host_tier_actor::behavior_type host_tier(host_tier_actor::stateful_pointer<host_tier_state> self, kv::geometry geometry,
                                         std::shared_ptr<kv::page_arena> arena);

}  // namespace chromatin
