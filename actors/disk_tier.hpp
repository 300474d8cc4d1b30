#pragma once

/// The disk tier: chunks in segment files under a durable catalogue.
///
/// The actor joins parts that can be understood, and are tested, alone: io/group_commit.hpp knows which chunk is in
/// which slot and in which order chunks become durable; io/read_queue.hpp turns orders into reads; kv/eviction.hpp says
/// what goes when room is needed. Here their words become device operations, commits and messages.
///
/// Slices are read layer by layer straight into the orderer's pages, in packed form, and are checked on arrival: a
/// wrong byte is a miss, and the chunk is quarantined, which means dropped from index and catalogue. A handler looks at
/// one slice at most, or starts a bounded number of operations, and so runs for less than a millisecond.
///
/// The scrub (actors/disk_scrub.cpp) reads what is stored slot after slot, at a pace, behind everything else in the
/// device's line: what is damaged is then found before it is wanted.

#include <map>
#include <set>
#include <unordered_map>
#include <variant>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/catalog.hpp"
#include "io/device.hpp"
#include "io/group_commit.hpp"
#include "io/read_pace.hpp"
#include "io/read_queue.hpp"
#include "kv/policy/policies.hpp"

namespace chromatin {

/// What a disk tier stands on; outlives the actor, so that a restart finds it again.
struct disk_parts {
  std::shared_ptr<io::device> device;
  io::slot_layout layout;
  catalog_actor catalog;
  std::uint64_t scrub_bytes_per_s = 0;  ///< of stored chunks that are looked at without anybody asking; 0: none
  kv::policy_choice policy = {};
};

struct disk_tier_state {
  static inline const char* name = "disk-tier";

  explicit disk_tier_state(disk_tier_actor::stateful_pointer<disk_tier_state> owner) : self{owner} {}
  /// Takes operations that have not begun out of the device's line. Those that have may still end after a successor
  /// began to write: their bytes then fail the checksum of the successor's row, which is a miss.
  ~disk_tier_state();

  void start(const kv::geometry& shape, disk_parts stands_on, std::vector<io::stored_chunk> found);
  presence_list lookup(const key_list& keys) const;
  fetch_started fetch(const fetch_order& order, const layer_sink_actor& sink);
  void hurry(ticket id);
  void cancel(ticket id);
  void save(const save_order& order, const upper_tier_actor& upper);
  void touch(const key_list& chain, const kv::chain_use& use);
  void retire(const key_list& keys);
  void erase(const key_list& keys);
  void hint(const hints& next);
  expectations expect(std::uint32_t chunks_max);
  chance_list chances(const hash_list& of, std::int64_t horizon_us);
  void on_operation(std::uint64_t id, int error);
  counters stats() const;

 private:
  /// A chunk on its way to the disk. The page keeps its bytes until they are written.
  struct save_state {
    kv::page_ref page;
    std::set<upper_tier_actor> uppers;  ///< who has to hear of it
  };
  /// A fetch order. The pages are the orderer's; the slots are held until no read goes into them.
  struct load_state {
    struct chunk {
      kv::chunk_key key;
      std::uint32_t slot = 0;
      std::uint32_t fill = 0;
      checksum_list checksums;
      kv::page_ref page;
    };
    layer_sink_actor sink;
    std::vector<chunk> chunks;
  };

  /// In a message to itself: there is more to do.
  static constexpr std::uint64_t no_operation = 0;

  struct save_when_there {
    save_order order;
    upper_tier_actor upper;
  };
  struct write_done {
    kv::chunk_key key;
  };
  struct sync_done {};
  struct scrub_due {};
  struct scrub_read_done {};
  struct read_done {
    io::read_queue::read what;
  };
  /// What this tier waits for: the device, or a fence.
  struct operation {
    std::variant<save_when_there, write_done, sync_done, read_done, scrub_due, scrub_read_done> what;
    io::operation_id in_device = 0;  ///< 0: not there
  };

  std::uint64_t new_operation(decltype(operation::what) what);
  /// Holds the page until the operation ended, and reports that in a message; from any thread.
  io::io_done completion(std::uint64_t id, kv::page_ref page = {}) const;
  void take(const save_order& order, const upper_tier_actor& upper);
  void go_on();
  void go_on_soon();
  void make_room();
  void carry_out(const io::read_queue::todo& todo);
  void carry_out(io::group_commit::todo todo);
  template <class Tell>
  void tell(const std::vector<kv::chunk_key>& keys, Tell one);
  void commit(io::catalog_change change);
  struct choice {
    std::size_t chunks = 0;  ///< leading ones of the order's
    bool joins = true;       ///< what the order joins comes in time
  };
  /// What of the order, of which so many links are here, is there sooner than it is computed.
  choice worth_reading(const fetch_order& order, std::size_t here) const;
  void start_read(const io::read_queue::read& r);
  void ended(const save_when_there& save, int error);
  void ended(const write_done& write, int error);
  void ended(const sync_done& sync, int error);
  void ended(const read_done& read, int error);
  void ended(const scrub_due& due, int error);
  void ended(const scrub_read_done& read, int error);
  void scrub_after(std::chrono::nanoseconds pause);
  void scrub_slice();
  /// `error`: why it could not be read; 0: its bytes do not match their checksum.
  void quarantine(kv::chunk_key key, std::uint32_t slot, int error);
  void end_with(std::string why);
  void learn(const io::stored_chunk& row);
  void learn_saved(const key_list& keys);
  void forget(kv::chunk_key key);
  std::span<std::byte> slice(const load_state::chunk& c, std::uint32_t layer) const;
  std::int64_t now_us() const;

  /// A use of a chain. Chunks that are not durable yet when it comes are ranked with their chain later; else they
  /// would look younger than its head, and the head would go before them.
  struct chain_touch {
    std::shared_ptr<const key_list> chain;
    kv::chain_use use;
  };

  disk_tier_actor::stateful_pointer<disk_tier_state> self;
  kv::geometry geometry;
  disk_parts parts;
  io::group_commit store{{}, {}, 1};
  io::read_queue queue{{}};
  io::read_pace pace;
  std::unique_ptr<kv::eviction_policy> policy;  ///< of the durable chunks

  std::unordered_map<kv::chunk_key, save_state> saves;
  /// Chains that were used when these chunks of theirs were not durable yet.
  std::unordered_map<kv::chunk_key, std::shared_ptr<const key_list>> early_touches;
  std::shared_ptr<const key_list> used_in_group;  ///< the chain that was named last for the next commit
  std::map<ticket, load_state> loads;
  std::unordered_map<std::uint64_t, operation> operations;
  std::unordered_map<io::read_queue::read_id, std::uint64_t> operation_of_read;
  std::uint64_t last_operation = 0;
  caf::actor_clock::time_point last_kept{};    ///< when what the policy learned went into a commit
  bool going_on = false;                       ///< a message to go on is on its way
  std::uint32_t failed_reads = 0;              ///< one after the other
  caf::actor_clock::time_point last_answer{};  ///< of a read; or when one began and none was under way

  /// The chunk that the scrub looks at, and how far it is.
  struct scrub_state {
    std::shared_ptr<kv::memory_block>
        memory;              ///< for a slice; the device may still write into it when the tier is gone
    io::stored_chunk chunk;  ///< its slot is held
    std::uint32_t layer = 0, next_slot = 0;
    std::chrono::steady_clock::time_point pass_began;
    std::int64_t chunks = 0, bytes = 0, passes = 0, damaged = 0;
  } scrub;

  std::int64_t hits = 0, misses = 0, not_worth = 0, stored = 0, evicted = 0, corrupt = 0, late = 0, read_errors = 0,
               write_errors = 0, commits = 0, refused = 0;
};

disk_tier_actor::behavior_type disk_tier(disk_tier_actor::stateful_pointer<disk_tier_state> self, kv::geometry geometry,
                                         disk_parts parts, std::vector<io::stored_chunk> found);

}  // namespace chromatin
