#include "io/group_commit.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "kv/check.hpp"

namespace chromatin::io {
namespace {

/// Slots that are freed beyond what is needed now, so that the next saves need not wait for a commit.
constexpr std::uint32_t slots_ahead = 8;
/// So many at one time, since each costs the owner a look into its policy.
constexpr std::size_t slots_short_max = 64;

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

group_commit::group_commit(const slot_layout& layout, std::vector<stored_chunk> found, std::uint32_t writes_max)
    : layout_{layout}, writes_max_{std::max(1u, writes_max)} {
  std::vector<bool> taken(layout.slots);
  for (auto& row : found) {
    CHROMATIN_CHECK(row.slot < layout.slots && !taken[row.slot], "a slot has one chunk at most");
    taken[row.slot] = true;
    auto key = row.key;
    durable_.emplace(row.slot, key);
    bool fresh = chunks_.emplace(key, chunk{std::move(row), stage::durable}).second;
    CHROMATIN_CHECK(fresh, "a chunk has one row");
  }
  for (std::uint32_t slot = 0; slot < layout.slots; ++slot)
    if (!taken[slot]) free_.push_back(slot);
}

const stored_chunk* group_commit::find(kv::chunk_key key) const {
  auto found = chunks_.find(key);
  return found != chunks_.end() && found->second.at == stage::durable ? &found->second.row : nullptr;
}

const stored_chunk* group_commit::durable_from(std::uint32_t slot) const {
  auto found = durable_.lower_bound(slot);
  return found == durable_.end() ? nullptr : find(found->second);
}

group_commit::chunk& group_commit::known(kv::chunk_key key, stage at) {
  auto found = chunks_.find(key);
  CHROMATIN_CHECK(found != chunks_.end() && found->second.at == at, "a chunk goes from stage to stage");
  return found->second;
}

// -- what is wanted --

void group_commit::save(stored_chunk row) {
  auto key = row.key;
  bool fresh = chunks_.emplace(key, chunk{std::move(row)}).second;
  CHROMATIN_CHECK(fresh, "a chunk that is known is not saved again");
  ++saving_;
  waiting_.push_back(key);
  something_new_ = true;
}

void group_commit::remove(kv::chunk_key key) {
  auto found = chunks_.find(key);
  if (found == chunks_.end()) return;
  something_new_ = true;
  auto& c = found->second;
  if (c.at == stage::waiting) {
    std::erase(waiting_, key);
    c.doomed = true;
    refuse(key);
  } else if (c.at == stage::durable) {
    durable_.erase(c.row.slot);
    leave(key, c.row.slot);
    chunks_.erase(found);
  } else {
    c.doomed = true;
  }
}

void group_commit::use(std::span<const kv::chunk_key> chain) {
  something_new_ = true;
  for (auto key = chain.rbegin(); key != chain.rend() && used_.size() < used_max; ++key)
    if (find(*key)) used_.push_back(*key);
}

void group_commit::hold(std::uint32_t slot) {
  CHROMATIN_CHECK(slot < layout_.slots, "no such slot");
  ++holds_[slot];
}

void group_commit::let_go(std::uint32_t slot) {
  auto held = holds_.find(slot);
  CHROMATIN_CHECK(held != holds_.end(), "a slot is let go as often as it was held");
  if (--held->second > 0) return;
  holds_.erase(held);
  if (free_when_let_go_.erase(slot) > 0) free_.push_back(slot);
}

std::size_t group_commit::slots_to_come() const {
  return removed_.slots.size() + group_removed_.slots.size() + free_when_let_go_.size();
}

std::size_t group_commit::slots_short() const {
  if (waiting_.empty() || !free_.empty()) return 0;
  auto wanted = waiting_.size() + std::min(slots_ahead, layout_.slots / 16);
  auto to_come = slots_to_come();
  return std::min(wanted > to_come ? wanted - to_come : 0, slots_short_max);
}

// -- what to do --

group_commit::todo group_commit::next() {
  todo result;
  do {
    if (group_ == group_stage::none) begin_group();
    if (group_ == group_stage::to_sync) begin_syncs(result);
    if (group_ == group_stage::to_commit) begin_commit(result);
  } while (group_ == group_stage::none && worth_a_group());  // all of the group before was removed meanwhile
  start_writes(result);  // last: chunks of a group that nobody wants any more have just given their slots back
  result.saved = std::exchange(ready_.saved, {});
  result.refused = std::exchange(ready_.refused, {});
  result.dropped = std::exchange(ready_.dropped, {});
  return result;
}

void group_commit::start_writes(todo& result) {
  while (!waiting_.empty() && !free_.empty() && writing_ < writes_max_) {
    auto& c = known(waiting_.front(), stage::waiting);
    waiting_.pop_front();
    c.row.slot = free_.front();
    free_.pop_front();
    c.at = stage::writing;
    ++writing_;
    result.writes.push_back({c.row.key, c.row.slot, c.row.fill});
  }
  // Chunks that are on their way have slots that come back, or can be removed when they are durable.
  bool under_way = saving_ > waiting_.size();
  if (free_.empty() && slots_to_come() == 0 && !under_way) refuse_waiting();
}

bool group_commit::worth_a_group() const {
  return !written_.empty() || used_.size() >= used_max / 2 || (!removed_.keys.empty() && something_new_);
}

void group_commit::begin_group() {
  if (!worth_a_group()) return;
  while (!written_.empty() && group_added_.size() < group_rows_max) {
    group_added_.push_back(written_.front());
    chunks_.at(written_.front()).at = stage::in_group;
    written_.pop_front();
  }
  drop_doomed(group_added_);
  group_removed_ = std::exchange(removed_, {});
  group_used_ = std::exchange(used_, {});
  group_ = group_stage::to_sync;
}

void group_commit::begin_syncs(todo& result) {
  std::set<std::uint32_t> segments;
  for (auto key : group_added_) segments.insert(layout_.at(chunks_.at(key).row.slot).segment);
  result.syncs.assign(segments.begin(), segments.end());
  syncs_under_way_ = segments.size();
  sync_failed_ = false;
  group_ = segments.empty() ? group_stage::to_commit : group_stage::syncing;
}

void group_commit::begin_commit(todo& result) {
  drop_doomed(group_added_);
  catalog_change change{.removed = group_removed_.keys, .used = std::exchange(group_used_, {})};
  for (auto key : group_added_) change.added.push_back(chunks_.at(key).row);
  // Of rows that were never used since, the deepest counts as the oldest.
  std::ranges::sort(change.added, std::ranges::greater{}, &stored_chunk::depth);
  bool empty = change.added.empty() && change.removed.empty() && change.used.empty();
  group_ = empty ? group_stage::none : group_stage::committing;
  if (!empty) result.commit = std::move(change);
}

/// Chunks whose row was not given to the catalogue yet and that nobody wants any more.
void group_commit::drop_doomed(std::vector<kv::chunk_key>& keys) {
  std::erase_if(keys, [&](kv::chunk_key key) {
    const auto& c = known(key, stage::in_group);
    if (!c.doomed) return false;
    give_back(c.row.slot);
    refuse(key);
    return true;
  });
}

void group_commit::wrote(kv::chunk_key key, bool ok) {
  auto& c = known(key, stage::writing);
  --writing_;
  something_new_ = true;
  if (ok) {
    c.at = stage::written;
    written_.push_back(key);
    return;
  }
  give_back(c.row.slot);
  refuse(key);
}

void group_commit::synced(bool ok) {
  CHROMATIN_CHECK(group_ == group_stage::syncing && syncs_under_way_ > 0, "a sync ends once");
  sync_failed_ |= !ok;
  if (--syncs_under_way_ > 0) return;
  group_ = group_stage::to_commit;
  if (!sync_failed_) return;
  // Nobody knows what of the group is on the disk. No row was committed, so the slots are free.
  for (auto key : std::exchange(group_added_, {})) {
    give_back(chunks_.at(key).row.slot);
    refuse(key);
  }
}

void group_commit::committed(bool ok) {
  CHROMATIN_CHECK(group_ == group_stage::committing, "a commit ends once");
  group_ = group_stage::none;
  auto added = std::exchange(group_added_, {});
  auto removed = std::exchange(group_removed_, {});
  for (auto key : added) {
    auto& c = known(key, stage::in_group);
    if (ok && !c.doomed) {
      c.at = stage::durable;
      durable_.emplace(c.row.slot, key);
      --saving_;
      ready_.saved.push_back(key);
    } else {  // the row is there, or may be
      leave(key, c.row.slot);
      refuse(key);
    }
  }
  if (ok) {
    for (auto slot : removed.slots) give_back(slot);
    return;
  }
  append(removed_.keys, removed.keys);
  append(removed_.slots, removed.slots);
  something_new_ = false;
  refuse_waiting();  // no slot comes before the next commit, and nobody knows when that will be
}

void group_commit::refuse(kv::chunk_key key) {
  bool doomed = chunks_.at(key).doomed;
  chunks_.erase(key);
  --saving_;
  (doomed ? ready_.dropped : ready_.refused).push_back(key);
}

void group_commit::refuse_waiting() {
  for (auto key : std::exchange(waiting_, {})) refuse(key);
}

void group_commit::leave(kv::chunk_key key, std::uint32_t slot) {
  removed_.keys.push_back(key);
  removed_.slots.push_back(slot);
}

void group_commit::give_back(std::uint32_t slot) {
  if (holds_.contains(slot))
    free_when_let_go_.insert(slot);
  else
    free_.push_back(slot);
}

}  // namespace chromatin::io
