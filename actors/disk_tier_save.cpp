#include "actors/disk_tier.hpp"

#include <set>

#include <spdlog/spdlog.h>

namespace chromatin {
namespace {

/// Chunks evicted beyond what is needed now, so that the next saves need not wait for a commit.
constexpr std::size_t evict_ahead = 8;

}  // namespace

void disk_tier_state::save(const save_order& order, const upper_tier_actor& upper) {
  key_list safe;
  for (const auto& c : order.chunks) {
    auto [at, fresh] = index.try_emplace(c.link.key, entry{.link = c.link, .depth = c.depth, .checksums = c.checksums});
    if (fresh)
      waiting_saves.push_back({c, upper});
    else if (at->second.durable)
      safe.push_back(c.link.key);
  }
  if (!safe.empty()) self->send(upper, atom::saved_v, safe);
  start_saves();
}

void disk_tier_state::start_saves() {
  while (!waiting_saves.empty()) {
    auto& save = waiting_saves.front();
    if (!take_slot(save.slot)) {
      if (!slots_to_free.empty() || committing) break;  // a slot comes with the next commit
      refuse(save);
      waiting_saves.pop_front();
      continue;
    }
    index.at(save.what.link.key).slot = save.slot;
    auto id = next_save++;
    auto bytes = save.what.page.bytes().first(geometry.chunk_bytes());
    auto where = parts.layout.at(save.slot);
    writing.emplace(id, std::move(save));
    waiting_saves.pop_front();
    parts.device->write(where, bytes, completion(write_done{id}));
  }
  if (!waiting_saves.empty()) start_commit();
}

bool disk_tier_state::take_slot(std::uint32_t& slot) {
  if (!free_slots.empty()) {
    slot = free_slots.back();
    free_slots.pop_back();
    return true;
  }
  auto may_go = [this](kv::chunk_key key) {
    const auto& e = index.at(key);
    return e.durable && e.readers == 0 && e.pins == 0;
  };
  while (slots_to_free.size() < waiting_saves.size() + evict_ahead) {
    auto victim = policy->victim(may_go);
    if (!victim) break;
    ++evicted;
    remove(*victim);
  }
  return false;
}

void disk_tier_state::remove(kv::chunk_key key) {
  slots_to_free.push_back(index.at(key).slot);
  changes.removed.push_back(key);
  index.erase(key);
  policy->erase(key);
}

void disk_tier_state::on_written(std::uint64_t save_id, int error) {
  auto node = writing.extract(save_id);
  if (error != 0) {
    ++write_errors;
    free_slots.push_back(node.mapped().slot);
    refuse(node.mapped());
  } else {
    written.push_back(std::move(node.mapped()));
  }
  start_commit();
}

void disk_tier_state::refuse(const pending_save& save) {
  ++refused;
  index.erase(save.what.link.key);
  policy->erase(save.what.link.key);
  self->send(save.upper, atom::refused_v, key_list{save.what.link.key});
}

void disk_tier_state::start_commit() {
  if (committing || (written.empty() && slots_to_free.empty())) return;
  committing = true;
  syncing = std::exchange(written, {});
  std::set<std::uint32_t> segments;
  for (const auto& save : syncing) segments.insert(parts.layout.at(save.slot).segment);
  if (segments.empty()) return commit({});
  sync_error = 0;
  syncs_under_way = static_cast<std::uint32_t>(segments.size());
  for (auto segment : segments) parts.device->sync(segment, completion(sync_done{}));
}

void disk_tier_state::on_synced(int error) {
  if (error != 0) sync_error = error;
  if (--syncs_under_way > 0) return;
  auto batch = std::exchange(syncing, {});
  if (sync_error != 0) {  // nobody knows what of it is on the disk
    ++write_errors;
    for (const auto& save : batch) {
      free_slots.push_back(save.slot);
      refuse(save);
    }
    batch.clear();
  }
  commit(std::move(batch));
}

void disk_tier_state::commit(std::vector<pending_save> batch) {
  auto rows = std::exchange(changes, {});
  auto freed = std::exchange(slots_to_free, {});
  for (const auto& save : batch)
    rows.added.push_back({save.what.link.key, save.slot, save.what.depth, save.what.link.fill, *save.what.checksums});
  auto removed = rows.removed;
  saves_in_commit = batch.size();
  self->request(parts.catalog, caf::infinite, atom::commit_v, std::move(rows))
      .then(
          [=, this] {
            committing = false;
            saves_in_commit = 0;
            ++commits;
            std::map<upper_tier_actor, key_list> safe;
            for (const auto& save : batch) {
              auto key = save.what.link.key;
              index.at(key).durable = true;
              policy->touch(std::span{&key, 1});
              safe[save.upper].push_back(key);
              ++stored;
            }
            for (const auto& [upper, keys] : safe) self->send(upper, atom::saved_v, keys);
            free_slots.insert(free_slots.end(), freed.begin(), freed.end());
            start_saves();
            start_commit();
          },
          [=, this](const caf::error& error) {
            spdlog::warn("disk tier: {} chunks were not saved: {}", batch.size(), explain(error));
            committing = false;
            saves_in_commit = 0;
            ++write_errors;
            for (const auto& save : batch) {
              free_slots.push_back(save.slot);
              refuse(save);
            }
            // Their rows may still be there: the slots stay unused until a later commit removes them.
            changes.removed.insert(changes.removed.end(), removed.begin(), removed.end());
            slots_to_free.insert(slots_to_free.end(), freed.begin(), freed.end());
            for (const auto& save : std::exchange(waiting_saves, {})) refuse(save);
          });
}

}  // namespace chromatin
