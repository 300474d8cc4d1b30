#pragma once

/// The device tier: the pages the backend computes in, and what of them can be reused.
///
/// It answers at once: a turn gets its block table (pages of reused chunks, shared and pinned, and fresh ones), or is
/// told how many pages are missing; the queue is the scheduler's. Chunks of the turn's chain that are in tiers below
/// are then loaded into its fresh pages, layer by layer. A chunk becomes reusable with its last layer, and may be
/// evicted once the tier below has it. No byte of a page is touched here: the backend's copy engine moves them.

#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/resident_chunks.hpp"
#include "actors/tier_below.hpp"
#include "gpu/copy_engine.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin {

/// What the device tier works with; all of it outlives the actor.
struct device_parts {
  kv::geometry geometry;
  std::shared_ptr<kv::page_arena> arena;
  std::shared_ptr<gpu::backend> backend;  ///< keeps `copies` alive
  kv::policy_choice policy = {};
};

struct device_tier_state {
  static inline const char* name = "device-tier";

  /// A turn that has pages.
  struct holder {
    key_list pinned;  ///< its chunks that are in the index
    key_list saving;  ///< chunks whose layers it hands down, not complete yet
    ticket load = 0;  ///< 0: none
  };

  /// Chunks on their way up into a turn's pages.
  struct load {
    turn_id turn = 0;
    std::vector<chunk> chunks;
    std::shared_ptr<load_progress> progress;  ///< null until the tier below has promised
    std::uint32_t layers_arrived = 0;         ///< copies may overtake each other: each is waited for
  };

  explicit device_tier_state(device_tier_actor::stateful_pointer<device_tier_state> owner) : self{owner} {}
  void start(device_parts parts);

  // -- pages of turns --
  admitted admit(const admission& order);
  grown grow(turn_id turn, std::uint32_t count);
  void retain(turn_id turn, const key_list& keys);
  void release(const release_order& order);
  void on_page_free();

  // -- loading --
  presence_list lookup(const key_list& keys) const;
  void on_ready(ticket id, std::uint32_t layer, const gpu::fence& arrives);
  void on_failed(ticket id);
  void on_late(ticket id);
  void on_loaded(ticket id, bool arrived);

  // -- saving --
  void save(turn_id turn, save_order order);
  void on_whole(turn_id turn, save_order order);
  void on_saved(const key_list& keys);
  void on_refused(const key_list& keys);
  void erase(const key_list& keys);

  // -- the hierarchy --
  void hint(const hints& next);
  void attach(const caf::strong_actor_ptr& tier);
  void detach();
  void on_down(const caf::actor_addr& who);
  counters stats() const;

  device_tier_actor::stateful_pointer<device_tier_state> self;
  device_parts parts;
  resident_chunks chunks;
  tier_below below;
  turn_listener_actor scheduler;
  layer_sink_actor executor;

 private:
  std::int64_t now_us() const;
  /// So many pages, or none.
  std::optional<std::vector<kv::page_ref>> take_pages(std::uint32_t count);
  void load_rest(const admission& order, const resident_chunks::run& run, const std::vector<kv::page_ref>& pages);
  void on_promise(const fetch_order& order, std::uint32_t depth, const fetch_started& started);
  /// The load ends, and its order below with it; it had promised something if it has a progress.
  std::optional<load> take_load(ticket id);
  void fail_load(load failed_load, bool was_late);
  /// Puts a complete chunk into the index, pinned for its turn, unless another one is there already.
  void make_reusable(const chunk& c, holder& owner);
  void insert(const chunk& c);
  void pin(kv::chunk_key key, holder& owner);
  bool may_take_over(kv::chunk_key tail) const;

  std::map<turn_id, holder> holders;
  std::map<ticket, load> loads;
  std::unordered_map<kv::chunk_key, turn_id> savers;  ///< whose layers of a chunk are handed down
  bool making_room = false;                           ///< what leaves the index now is evicted
  bool somebody_waits = false;                        ///< was refused for want of pages
  bool retrying = false;                              ///< an offer of what was refused is due

  std::int64_t hits = 0, loaded = 0, computed = 0, evicted = 0, dropped = 0, refused = 0, late = 0, failed = 0;
};

device_tier_actor::behavior_type device_tier(device_tier_actor::stateful_pointer<device_tier_state> self,
                                             device_parts parts);

}  // namespace chromatin
