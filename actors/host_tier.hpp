#pragma once

/// The host tier: chunks in host memory, in packed form, between the device's arena and the disk.
///
/// Saving (CachedAttention §3.2.2, asynchronous saving): slices come as layers finish; the copy engine brings them here
/// and makes their checksums; a whole chunk is acknowledged and offered to the tier below. Loading (§3.2.1, layer-wise
/// pre-loading): a fetch order is served layer by layer; what is missing here is loaded from below straight into host
/// pages and passed on as it arrives. No handler touches a chunk's bytes.

#include <map>
#include <set>
#include <unordered_map>
#include <variant>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/answer.hpp"
#include "actors/incoming_chunks.hpp"
#include "actors/tier_below.hpp"
#include "gpu/backend.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin {

/// What the host tier works with; all of it outlives the actor, so that a restart finds it again.
struct host_parts {
  kv::geometry geometry;
  std::shared_ptr<kv::page_arena> arena;
  std::shared_ptr<gpu::backend> backend;  ///< for its copy engine
  kv::policy_choice policy = {};
};

struct host_tier_state {
  static inline const char* name = "host-tier";

  /// A chunk in host memory, or on its way there.
  struct entry {
    kv::link link;
    std::uint32_t depth = 0;
    kv::page_ref page;
    checksum_list checksums;  ///< set when all layers are here
    std::string from;         ///< the tier it came from ahead of need: its first use counts as a hit there
    ticket loading = 0;       ///< the order that brings it from below; 0: none
    bool complete = false;
    bool doomed = false;  ///< erased while it was used: goes when that is over
  };

  /// Chunks on their way from the tier below, ordered together.
  struct load {
    key_list keys;
    std::uint32_t layers_ready = 0;
    std::uint32_t users = 0;  ///< transfers that wait for it
    bool urgent = false;
  };

  /// A fetch order being served.
  struct transfer {
    layer_sink_actor sink;
    std::vector<chunk> chunks;       ///< pinned until it ends
    std::vector<kv::page_ref> into;  ///< device pages; empty when chunks are only loaded to here
    std::set<ticket> loads;          ///< what it waits for
    std::uint32_t next_layer = 0;    ///< to be ordered
    std::uint32_t copying = 0;       ///< copies under way
    bool over = false;               ///< failed or cancelled; waits for copies under way
  };

  explicit host_tier_state(host_tier_actor::stateful_pointer<host_tier_state> owner) : self{owner} {}
  void start(host_parts parts);

  // -- loading --
  presence_list lookup(const key_list& keys) const;
  caf::result<fetch_started> fetch(fetch_order order, layer_sink_actor sink);
  void hurry(ticket id);
  void cancel(ticket id);
  void pump(ticket id);
  void on_ready(ticket id, std::uint32_t layer);
  void on_failed(ticket id, std::uint32_t index);

  // -- saving --
  void save(const save_order& order, const upper_tier_actor& upper);
  void on_saved(const key_list& keys);
  void on_refused(const key_list& keys);

  void on_copied(std::uint64_t id, const gpu::copy_result& result);

  // -- the hierarchy --
  void attach(const caf::strong_actor_ptr& lower);
  void detach();
  void on_down(const caf::actor_addr& who);
  void touch(const key_list& keys, const kv::chain_use& use);
  void retire(const key_list& keys);
  void erase(const key_list& keys);
  void hint(const hints& next);
  caf::result<expectations> expect(std::uint32_t chunks_max);
  counters stats() const;

  host_tier_actor::stateful_pointer<host_tier_state> self;
  host_parts parts;
  std::unique_ptr<kv::eviction_policy> policy;
  tier_below below;

 private:
  /// A copy under way: of a save, or of the transfer with this ticket.
  using operation = std::variant<incoming_chunks::copy, ticket>;

  std::int64_t now_us() const;
  kv::page_ref allocate();
  bool worth_raising(expected_chunks& what);
  std::function<void(gpu::copy_result)> completion(operation what);
  void order_missing(const fetch_order& order, fetch_order& from_below);
  /// What is on its way ahead of need, and has to be there before the order's own links from below are of use.
  void join_loads(const fetch_order& order, fetch_order& from_below) const;
  void take_back(const std::vector<ticket>& ids);
  void adopt(const fetch_order& order, const fetch_started& started);
  fetch_started promise_run(const fetch_order& order, const layer_sink_actor& sink);
  bool layer_is_here(const transfer& t) const;
  void copy_layer(ticket id, transfer& t);
  void on_transfer_copied(ticket id, const gpu::copy_result& result);
  void fail(ticket id, std::uint32_t index);
  void end_if_idle(ticket id);
  void hurry_load(ticket load_id);
  void leave_load(ticket load_id);
  void drop_load(ticket load_id);
  void forget_chunks(const key_list& keys);
  void on_save_copied(const incoming_chunks::copy& copy, const gpu::copy_result& result);
  void pin(kv::chunk_key key) { policy->pin(key); }
  void unpin(kv::chunk_key key);
  void insert(entry e);
  void drop(kv::chunk_key key);

  std::unordered_map<kv::chunk_key, entry> index;
  incoming_chunks saves;
  std::map<ticket, load> loads;
  std::map<ticket, transfer> transfers;
  std::map<std::uint64_t, operation> operations;
  std::set<ticket> asked_below;  ///< orders that wait for a promise from below
  std::uint64_t next_operation = 1;
  bool making_room = false;  ///< what leaves the index now is evicted

  std::int64_t hits = 0, misses = 0, loaded = 0, taken_back = 0, stored = 0, evicted = 0, dropped = 0, refused = 0,
               corrupt = 0, copy_errors = 0;
};

host_tier_actor::behavior_type host_tier(host_tier_actor::stateful_pointer<host_tier_state> self, host_parts parts);

}  // namespace chromatin
