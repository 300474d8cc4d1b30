#pragma once

/// Which chunk is in which slot, and the order in which chunks become durable and slots free. Pure logic: the owner
/// writes, syncs and commits what `next` says, and tells how it ended.
///
///     save → a slot → write → sync of its segment → commit of its row → durable
///     remove → commit of the deletion, and no read of the slot under way → the slot is free
///
/// Syncs and commits are shared by all chunks that were written meanwhile: one group at a time. A slot is never given
/// out before the deletion of its last row is committed. After a commit that failed nobody knows whether its rows are
/// there, so they are deleted with the next one.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "io/chunk_store.hpp"

namespace chromatin::io {

class group_commit {
 public:
  /// Of one group, so that its handlers are short.
  static constexpr std::size_t group_rows_max = 256;
  /// Uses that are remembered for the next group; more are forgotten.
  static constexpr std::size_t used_max = 4096;

  /// `found`: the rows that are committed; their slots differ and are in the layout. `writes_max`: chunks that are
  /// written at one time.
  group_commit(const slot_layout& layout, std::vector<stored_chunk> found, std::uint32_t writes_max);

  // -- what is there --

  /// The row of a durable chunk, until the next call that changes anything; null if it is not durable.
  const stored_chunk* find(kv::chunk_key key) const;
  /// The durable chunk in this slot or in the first slot after it that has one; null if there is none. As long as
  /// `find`.
  const stored_chunk* durable_from(std::uint32_t slot) const;
  /// Durable or on its way.
  bool knows(kv::chunk_key key) const { return chunks_.contains(key); }
  std::size_t chunks() const { return chunks_.size(); }
  /// Chunks that are on their way.
  std::size_t saving() const { return saving_; }
  std::uint32_t free_slots() const { return static_cast<std::uint32_t>(free_.size()); }

  // -- what is wanted --

  /// Takes a chunk that it does not know; `row.slot` is chosen here.
  void save(stored_chunk row);
  /// Forgets a chunk, whatever is under way for it: it is not found any more, and one that is on its way ends as
  /// dropped. Unknown keys are passed over.
  void remove(kv::chunk_key key);
  /// This chain, head first, was used; chunks that are not durable are passed over.
  void use(std::span<const kv::chunk_key> chain);
  /// A read of the slot begins; the slot must have a chunk. Counted.
  void hold(std::uint32_t slot);
  void let_go(std::uint32_t slot);
  /// How many durable chunks must be removed before the chunks that wait for a slot can have one.
  std::size_t slots_short() const;

  // -- what to do --

  struct write {
    kv::chunk_key key;
    std::uint32_t slot = 0;
    std::uint32_t fill = 0;
  };
  struct todo {
    std::vector<write> writes;
    std::vector<std::uint32_t> syncs;      ///< segments of the new group
    std::optional<catalog_change> commit;  ///< of the group
    std::vector<kv::chunk_key> saved;      ///< durable since the last call
    std::vector<kv::chunk_key> refused;    ///< could not be saved, and are not known any more
    std::vector<kv::chunk_key> dropped;    ///< were removed on their way
  };
  /// To be called after every change, and all of it to be done. A chunk that waits for a slot is refused when none can
  /// come any more, so the owner removes `slots_short` chunks before, if it can.
  todo next();

  void wrote(kv::chunk_key key, bool ok);
  void synced(bool ok);
  void committed(bool ok);

 private:
  enum class stage : std::uint8_t { waiting, writing, written, in_group, durable };
  struct chunk {
    stored_chunk row;
    stage at = stage::waiting;
    bool doomed = false;  ///< removed while on its way
  };

  chunk& known(kv::chunk_key key, stage at);
  void refuse(kv::chunk_key key);
  void refuse_waiting();
  void leave(kv::chunk_key key, std::uint32_t slot);
  void give_back(std::uint32_t slot);
  std::size_t slots_to_come() const;
  void start_writes(todo& result);
  bool worth_a_group() const;
  void begin_group();
  void begin_syncs(todo& result);
  void begin_commit(todo& result);
  void drop_doomed(std::vector<kv::chunk_key>& keys);

  slot_layout layout_;
  std::uint32_t writes_max_;
  std::unordered_map<kv::chunk_key, chunk> chunks_;
  std::size_t saving_ = 0;
  std::map<std::uint32_t, kv::chunk_key> durable_;  ///< by slot

  std::deque<std::uint32_t> free_;  ///< first in, first out: a slot that cannot be written is not the next one, too
  std::unordered_map<std::uint32_t, std::uint32_t> holds_;  ///< reads under way per slot
  std::unordered_set<std::uint32_t> free_when_let_go_;

  std::deque<kv::chunk_key> waiting_;
  std::uint32_t writing_ = 0;
  std::deque<kv::chunk_key> written_;

  /// Rows to delete, and the slots that are free then.
  struct deletions {
    std::vector<kv::chunk_key> keys;
    std::vector<std::uint32_t> slots;
  };
  deletions removed_;  ///< for the next group
  std::vector<kv::chunk_key> used_;
  bool something_new_ = false;  ///< since a commit failed: it is not tried again for its own sake

  enum class group_stage : std::uint8_t { none, to_sync, syncing, to_commit, committing };
  group_stage group_ = group_stage::none;
  std::vector<kv::chunk_key> group_added_;
  deletions group_removed_;
  std::vector<kv::chunk_key> group_used_;
  std::size_t syncs_under_way_ = 0;
  bool sync_failed_ = false;

  todo ready_;  ///< `saved`, `refused` and `dropped` since the last `next`
};

}  // namespace chromatin::io
