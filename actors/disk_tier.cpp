#include "actors/disk_tier.hpp"

#include <algorithm>

namespace chromatin {
namespace {

/// Reads in the device at one time: enough to keep an SSD busy, few enough that a new order is not far behind.
constexpr std::uint32_t reads_max = 32;
/// Uses remembered between two commits.
constexpr std::size_t used_max = 4096;

}  // namespace

void disk_tier_state::restore(std::vector<io::stored_chunk> found) {
  std::vector<bool> taken(parts.layout.slots);
  for (auto& c : found) {
    taken[c.slot] = true;
    auto checksums = std::make_shared<const std::vector<std::uint64_t>>(std::move(c.checksums));
    index[c.key] = {
        .link = {c.key, c.fill}, .depth = c.depth, .slot = c.slot, .checksums = std::move(checksums), .durable = true};
    policy->touch(std::span{&c.key, 1});
  }
  for (auto slot = parts.layout.slots; slot > 0; --slot)
    if (!taken[slot - 1]) free_slots.push_back(slot - 1);
}

std::vector<bool> disk_tier_state::lookup(const key_list& keys) const {
  std::vector<bool> here;
  for (auto key : keys) {
    auto found = index.find(key);
    here.push_back(found != index.end() && found->second.durable);
  }
  return here;
}

io::io_done disk_tier_state::completion(operation op) {
  auto id = next_operation++;
  operations.emplace(id, op);
  auto handle = disk_tier_actor{self};
  return
      [handle, id](int error) { caf::anon_send(handle, atom::internal_v, atom::proceed_v, id, std::int32_t{error}); };
}

void disk_tier_state::on_operation(std::uint64_t id, int error) {
  auto node = operations.extract(id);
  if (node.empty()) return;
  if (auto* write = std::get_if<write_done>(&node.mapped()))
    on_written(write->save, error);
  else if (auto* read = std::get_if<read_done>(&node.mapped()))
    on_read(read->id, read->index, error);
  else
    on_synced(error);
}

// -- loading --

fetch_started disk_tier_state::fetch(const fetch_order& order, const layer_sink_actor& sink) {
  fetch_started answer;
  transfer t{.sink = sink, .into = order.into, .expires = self->clock().now() + order.deadline};
  for (std::size_t i = 0; i < order.links.size() && i < order.into.size(); ++i) {
    auto found = index.find(order.links[i].key);
    if (found == index.end() || !found->second.durable || order.into[i].bytes().size() < geometry.chunk_bytes()) break;
    auto& e = found->second;
    answer.chunks.push_back({source::disk, e.depth, e.checksums});
    t.keys.push_back(e.link.key);
    t.slots.push_back(e.slot);
    t.checksums.push_back(e.checksums);
    ++e.readers;
  }
  hits += static_cast<std::int64_t>(t.keys.size());
  misses += static_cast<std::int64_t>(order.links.size() - t.keys.size());
  if (t.keys.empty()) return answer;
  touch(t.keys);
  t.missing.assign(geometry.layers, static_cast<std::uint32_t>(t.keys.size()));
  transfers.insert_or_assign(order.id, std::move(t));
  pump();
  return answer;
}

void disk_tier_state::pump() {
  auto now = self->clock().now();
  std::vector<ticket> over;
  for (auto& [id, t] : transfers) {
    auto reads = geometry.layers * static_cast<std::uint32_t>(t.keys.size());
    while (reads_under_way < reads_max && !t.over && t.next_read < reads) {
      if (now > t.expires) {
        ++late;
        self->send(t.sink, atom::failed_v, id, t.next_read % static_cast<std::uint32_t>(t.keys.size()));
        t.over = true;
        over.push_back(id);
      } else {
        read_next(id, t);
      }
    }
    if (reads_under_way >= reads_max) break;
  }
  for (auto id : over) finish_if_idle(id);
}

void disk_tier_state::read_next(ticket id, transfer& t) {
  auto chunks = static_cast<std::uint32_t>(t.keys.size());
  auto layer = t.next_read / chunks, chunk = t.next_read % chunks;
  auto from = parts.layout.at(t.slots[chunk], layer * geometry.slice_bytes());
  ++t.under_way;
  ++reads_under_way;
  parts.device->read(from, kv::slice_of(t.into[chunk], geometry, layer), completion(read_done{id, t.next_read++}));
}

void disk_tier_state::on_read(ticket id, std::uint32_t read, int error) {
  --reads_under_way;
  auto& t = transfers.at(id);
  --t.under_way;
  if (!t.over) {
    auto chunks = static_cast<std::uint32_t>(t.keys.size());
    auto layer = read / chunks, chunk = read % chunks;
    if (error != 0) {
      ++read_errors;
      fail(id, t, chunk);
    } else if (kv::checksum(kv::slice_of(t.into[chunk], geometry, layer)) != (*t.checksums[chunk])[layer]) {
      ++corrupt;
      fail(id, t, chunk);
    } else {
      --t.missing[layer];
      while (t.layers_ready < geometry.layers && t.missing[t.layers_ready] == 0)
        self->send(t.sink, atom::ready_v, id, t.layers_ready++);
    }
  }
  finish_if_idle(id);
  pump();
}

void disk_tier_state::fail(ticket id, transfer& t, std::uint32_t chunk_index) {
  auto key = t.keys[chunk_index];
  self->send(t.sink, atom::failed_v, id, chunk_index);
  t.over = true;
  auto e = index.find(key);
  // Quarantined: never offered again. Unless another order found the damage first, and the chunk is being saved anew.
  if (e == index.end() || !e->second.durable || e->second.slot != t.slots[chunk_index]) return;
  remove(key);
  start_commit();
}

void disk_tier_state::finish_if_idle(ticket id) {
  auto& t = transfers.at(id);
  if (t.under_way > 0 || (!t.over && t.layers_ready < geometry.layers)) return;
  for (auto key : t.keys)
    if (auto e = index.find(key); e != index.end() && e->second.readers > 0) --e->second.readers;
  transfers.erase(id);
}

void disk_tier_state::cancel(ticket id) {
  auto found = transfers.find(id);
  if (found == transfers.end()) return;
  found->second.over = true;
  finish_if_idle(id);
}

// -- the rest --

void disk_tier_state::touch(const key_list& keys) {
  key_list here;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(here), [&](auto key) { return index.contains(key); });
  policy->touch(here);
  if (changes.used.size() + here.size() <= used_max)
    changes.used.insert(changes.used.end(), here.rbegin(), here.rend());
}

void disk_tier_state::erase(const key_list& keys) {
  for (auto key : keys) {
    auto e = index.find(key);
    if (e != index.end() && e->second.durable && e->second.readers == 0 && e->second.pins == 0) remove(key);
  }
}

void disk_tier_state::pin(const key_list& keys, bool on) {
  for (auto key : keys) {
    auto e = index.find(key);
    if (e == index.end()) continue;
    if (on)
      ++e->second.pins;
    else if (e->second.pins > 0)
      --e->second.pins;
  }
}

counters disk_tier_state::stats() const {
  auto chunk = static_cast<std::int64_t>(geometry.chunk_bytes());
  auto used = static_cast<std::int64_t>(parts.layout.slots - free_slots.size());
  auto io = parts.device->counters();
  return {name,
          {{"capacity_bytes", chunk * parts.layout.slots},
           {"used_bytes", chunk * used},
           {"chunks", static_cast<std::int64_t>(index.size())},
           {"saves_waiting", static_cast<std::int64_t>(waiting_saves.size() + writing.size() + written.size() +
                                                       syncing.size() + saves_in_commit)},
           {"hit_chunks", hits},
           {"missed_chunks", misses},
           {"stored_chunks", stored},
           {"evicted_chunks", evicted},
           {"refused_chunks", refused},
           {"corrupt_chunks", corrupt},
           {"late_orders", late},
           {"read_errors", read_errors},
           {"write_errors", write_errors},
           {"commits", commits},
           {"bytes_read", io.bytes_read},
           {"bytes_written", io.bytes_written}}};
}

disk_tier_actor::behavior_type disk_tier(disk_tier_actor::stateful_pointer<disk_tier_state> self, kv::geometry geometry,
                                         disk_parts parts, std::vector<io::stored_chunk> found) {
  auto& state = self->state;
  state.geometry = geometry;
  state.parts = std::move(parts);
  state.policy = std::make_unique<kv::recency_list>();
  state.restore(std::move(found));
  return {
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::fetch, const fetch_order& order, const layer_sink_actor& sink) {
        return state.fetch(order, sink);
      },
      [&state](atom::cancel, ticket id) { state.cancel(id); },
      [&state](atom::save, const save_order& order, const upper_tier_actor& upper) { state.save(order, upper); },
      [&state](atom::pin, const key_list& keys) { state.pin(keys, true); },
      [&state](atom::unpin, const key_list& keys) { state.pin(keys, false); },
      [&state](atom::touch, const key_list& keys) { state.touch(keys); },
      [&state](atom::erase, const key_list& keys) { state.erase(keys); },
      [&state](atom::hint, const hints& next) { state.policy->hint(next.upcoming); },
      [](atom::attach, const caf::strong_actor_ptr&) { /* nothing stands below the disk yet */ },
      [](atom::detach) {},
      [&state](atom::stats) { return state.stats(); },
      [&state](atom::internal, atom::proceed, std::uint64_t id, std::int32_t error) { state.on_operation(id, error); },
  };
}

catalog_actor::behavior_type catalog(catalog_actor::pointer, std::shared_ptr<io::chunk_store> store) {
  auto failed = [](const io::sqlite_error& e) { return caf::make_error(ec::store_failed, std::string{e.what()}); };
  return {
      [=](atom::open) -> caf::result<std::vector<io::stored_chunk>> {
        try {
          return store->load();
        } catch (const io::sqlite_error& e) {
          return failed(e);
        }
      },
      [=](atom::commit, const catalog_batch& batch) -> caf::result<void> {
        try {
          store->commit(batch.added, batch.removed, batch.used);
          return {};
        } catch (const io::sqlite_error& e) {
          return failed(e);
        }
      },
  };
}

}  // namespace chromatin
