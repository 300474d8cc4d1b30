#pragma once

/// The disk tier: chunks in segment files under a durable catalogue.
///
/// Saving: write the chunk, sync its segment, commit its row, and only then acknowledge. Syncs and commits are shared
/// by all chunks that were written meanwhile (group commit). A slot is written again only after the row of its former
/// chunk is deleted and that is committed. Loading: slices are read layer by layer straight into the orderer's pages,
/// and checked on arrival; a wrong byte is a miss, and the chunk is quarantined: dropped from index and catalogue, its
/// slot reused.

#include <deque>
#include <map>
#include <unordered_map>
#include <variant>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "io/device.hpp"

namespace chromatin {

/// What a disk tier stands on; outlives the actor, so that a restart finds it again.
struct disk_parts {
  std::shared_ptr<io::device> device;
  io::slot_layout layout;
  catalog_actor catalog;
};

struct disk_tier_state {
  static inline const char* name = "disk-tier";

  struct entry {
    kv::link link;
    std::uint32_t depth = 0;
    std::uint32_t slot = 0;
    checksum_list checksums;
    bool durable = false;
    std::uint32_t readers = 0;
    std::uint32_t pins = 0;
  };

  /// A chunk on its way down.
  struct pending_save {
    chunk what;
    upper_tier_actor upper;
    std::uint32_t slot = 0;
  };

  /// A fetch order being read, layer by layer.
  struct transfer {
    layer_sink_actor sink;
    std::vector<kv::page_ref> into;
    key_list keys;
    std::vector<std::uint32_t> slots;
    std::vector<checksum_list> checksums;
    std::vector<std::uint32_t> missing;  ///< reads still to come, per layer
    std::uint32_t next_read = 0;         ///< counts layer-major: layer · chunks + chunk
    std::uint32_t layers_ready = 0;
    caf::actor_clock::time_point expires{};
    bool over = false;  ///< failed or cancelled; waits for reads that are under way
    std::uint32_t under_way = 0;
  };

  struct write_done {
    std::uint64_t save;
  };
  struct sync_done {};
  struct read_done {
    ticket id;
    std::uint32_t index;
  };
  using operation = std::variant<write_done, sync_done, read_done>;

  explicit disk_tier_state(disk_tier_actor::stateful_pointer<disk_tier_state> owner) : self{owner} {}

  void restore(std::vector<io::stored_chunk> found);
  std::vector<bool> lookup(const key_list& keys) const;
  fetch_started fetch(const fetch_order& order, const layer_sink_actor& sink);
  void cancel(ticket id);
  void save(const save_order& order, const upper_tier_actor& upper);
  void on_operation(std::uint64_t id, int error);
  void touch(const key_list& keys);
  void erase(const key_list& keys);
  void pin(const key_list& keys, bool on);
  counters stats() const;

  disk_tier_actor::stateful_pointer<disk_tier_state> self;
  kv::geometry geometry;
  disk_parts parts;
  std::unique_ptr<kv::recency_list> policy;

 private:
  io::io_done completion(operation op);
  void start_saves();
  bool take_slot(std::uint32_t& slot);
  void on_written(std::uint64_t save_id, int error);
  void start_commit();
  void on_synced(int error);
  void commit(std::vector<pending_save> batch);
  void refuse(const pending_save& save);
  void pump();
  void read_next(ticket id, transfer& t);
  void on_read(ticket id, std::uint32_t index, int error);
  void fail(ticket id, transfer& t, std::uint32_t chunk_index);
  void finish_if_idle(ticket id);
  void remove(kv::chunk_key key);

  std::unordered_map<kv::chunk_key, entry> index;
  std::vector<std::uint32_t> free_slots;
  std::map<std::uint64_t, operation> operations;
  std::uint64_t next_operation = 1;

  std::deque<pending_save> waiting_saves;  ///< no slot yet
  std::map<std::uint64_t, pending_save> writing;
  std::vector<pending_save> written;  ///< to be synced and committed
  std::vector<pending_save> syncing;
  std::uint32_t syncs_under_way = 0;
  int sync_error = 0;
  bool committing = false;
  std::size_t saves_in_commit = 0;
  std::uint64_t next_save = 1;
  catalog_batch changes;                     ///< rows to remove and to touch with the next commit
  std::vector<std::uint32_t> slots_to_free;  ///< free when `changes.removed` is committed

  std::map<ticket, transfer> transfers;
  std::uint32_t reads_under_way = 0;

  std::int64_t hits = 0, misses = 0, stored = 0, evicted = 0, corrupt = 0, late = 0, read_errors = 0, write_errors = 0,
               commits = 0, refused = 0;
};

disk_tier_actor::behavior_type disk_tier(disk_tier_actor::stateful_pointer<disk_tier_state> self, kv::geometry geometry,
                                         disk_parts parts, std::vector<io::stored_chunk> found);

/// The detached actor that commits for the disk tier.
catalog_actor::behavior_type catalog(catalog_actor::pointer self, std::shared_ptr<io::chunk_store> store);

}  // namespace chromatin
