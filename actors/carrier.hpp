#pragma once

/// The carrier: brings chunks from the disk tier to where archives are written, and those of an archive back to it, by
/// the tier's own protocol. What is not there, is damaged or finds no room is left out, and so is everything while the
/// disk tier is away: keys and values can always be computed again.

#include <list>
#include <map>
#include <memory>
#include <set>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/answer.hpp"

namespace chromatin {

struct carrier_options {
  archive::served_cache cache;   ///< of the disk tier
  std::uint64_t room_bytes = 0;  ///< of a partition; chunks that it cannot have, however they compress, are not read
};

struct carrier_state {
  static inline const char* name = "archive-carrier";

  explicit carrier_state(carrier_actor::stateful_pointer<carrier_state> owner) : self{owner} {}

  caf::result<archive_sources> fetch(archive_sources all);
  caf::result<key_list> save(const recalled_conversation& what);
  caf::result<chance_list> chances(const hash_list& of, std::int64_t horizon_us);
  void attach(const caf::strong_actor_ptr& tier);
  void on_ready(ticket id, std::uint32_t layer);
  /// The chunk of this ticket will not come, or did.
  void end_load(ticket id, bool arrived);
  /// The disk tier is done with these chunks.
  void end_saves(const key_list& keys, bool safe);
  void on_down(const caf::actor_addr& who);

  carrier_actor::stateful_pointer<carrier_state> self;
  carrier_options options;

 private:
  /// Conversations whose chunks are being read.
  struct reading {
    archive_sources all;
    answer<archive_sources> done;
    ~reading();
  };
  struct load {
    std::shared_ptr<reading> of;
    std::size_t source = 0;  ///< in `of->all`
    archive::kv_chunk chunk;
  };
  struct saving {
    answer<key_list> done;
    std::set<kv::chunk_key> left;
    key_list safe;
  };
  void leave_disk();
  void read_chunks(const std::shared_ptr<reading>& of, std::size_t source);
  void order(load one);

  disk_tier_actor disk_;
  std::map<ticket, load> loads_;
  std::list<saving> savings_;
};

carrier_actor::behavior_type carrier(carrier_actor::stateful_pointer<carrier_state> self, carrier_options options);

}  // namespace chromatin
