#include "actors/disk_tier.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace chromatin {
namespace {

/// Bytes of reads, of one urgency, and of writes that are in the device at one time: enough to keep an SSD busy.
constexpr std::size_t reads_bytes = std::size_t{32} << 20, writes_bytes = std::size_t{32} << 20;
constexpr std::size_t reads_max = 32, writes_max = 32;
/// Bytes that a handler copies between pages.
constexpr std::size_t copies_bytes = std::size_t{2} << 20;
/// Reads that fail one after the other, and silence while reads are under way, after which the device counts as gone.
constexpr std::uint32_t failed_reads_max = 8;
constexpr auto silence_max = std::chrono::seconds{10};
/// Touches of chunks that are not here yet, and may never come, are forgotten beyond this number.
constexpr std::size_t early_touches_max = 8192;

std::uint32_t share(std::size_t bytes, std::size_t of_one, std::size_t max) {
  return static_cast<std::uint32_t>(std::clamp<std::size_t>(bytes / of_one, 1, max));
}

}  // namespace

void disk_tier_state::start(const kv::geometry& shape, disk_parts stands_on, std::vector<io::stored_chunk> found) {
  geometry = shape;
  parts = std::move(stands_on);
  policy = kv::make_policy(parts.policy);
  auto slice_bytes = geometry.slice(0).bytes, room_bytes = geometry.chunk_bytes();
  queue = io::read_queue{{.layers = geometry.layers,
                          .reads_max = share(reads_bytes, slice_bytes, reads_max),
                          .copies_max = share(copies_bytes, slice_bytes, reads_max)}};
  for (const auto& row : found) {  // least recently used first
    learn(row);
    policy->touch(std::span{&row.key, 1}, {});
  }
  store = io::group_commit{parts.layout, std::move(found), share(writes_bytes, room_bytes, writes_max)};
  self->monitor(parts.catalog);
  self->set_down_handler([this](const caf::down_msg& down) {
    if (down.source == parts.catalog.address()) end_with("the catalogue died: " + explain(down.reason));
  });
  if (parts.scrub_bytes_per_s > 0) scrub_after({});
}

disk_tier_state::~disk_tier_state() {
  for (const auto& [id, op] : operations)
    if (op.in_device != 0) parts.device->cancel(op.in_device);
}

void disk_tier_state::learn(const io::stored_chunk& row) {
  policy->insert(row.key,
                 {.depth = row.depth, .bytes = static_cast<std::uint32_t>(geometry.chunk_bytes()), .fill = row.fill});
  policy->safe_below(row.key, true);
}

void disk_tier_state::forget(kv::chunk_key key) {
  if (store.find(key)) policy->erase(key);
  store.remove(key);
}

presence_list disk_tier_state::lookup(const key_list& keys) const {
  presence_list all;
  for (auto key : keys) all.push_back(store.find(key) ? chunk_presence::here : chunk_presence::absent);
  return all;
}

// -- loading --

fetch_started disk_tier_state::fetch(const fetch_order& order, const layer_sink_actor& sink) {
  if (!operation_of_read.empty() && self->clock().now() - last_answer > silence_max) {
    end_with(fmt::format("the device has not answered a read for {} s", silence_max.count()));
    return {};
  }
  auto here = [&](std::size_t i) -> const io::stored_chunk* {
    if (i >= order.links.size() || i >= order.into.size()) return nullptr;
    const auto* row = store.find(order.links[i].key);
    bool fits =
        row && row->fill == order.links[i].fill && order.into[i].bytes().size() >= geometry.packed_bytes(row->fill);
    return fits ? row : nullptr;
  };
  std::vector<const io::stored_chunk*> found;
  while (const auto* row = here(found.size())) found.push_back(row);
  auto [worth, joins] = worth_reading(order, found.size());
  not_worth += static_cast<std::int64_t>(found.size() - worth);
  fetch_started answer{.chunks = {}, .joins = joins};
  load_state load{.sink = sink};
  std::vector<std::uint32_t> slots;
  for (std::size_t i = 0; i < worth; ++i) {
    const auto* row = found[i];
    auto checksums = std::make_shared<const std::vector<std::uint64_t>>(row->checksums);
    answer.chunks.push_back({"disk", row->depth, checksums});
    load.chunks.push_back({row->key, row->slot, row->fill, checksums, order.into[i]});
    slots.push_back(row->slot);
    store.hold(row->slot);
  }
  hits += static_cast<std::int64_t>(slots.size());
  misses += static_cast<std::int64_t>(order.links.size() - found.size());
  if (slots.empty()) return answer;
  loads.emplace(order.id, std::move(load));
  queue.add(order.id, std::move(slots), order.urgency, self->clock().now() + order.deadline);
  go_on_soon();  // after the answer: it must reach the orderer before the first layer does
  return answer;
}

disk_tier_state::choice disk_tier_state::worth_reading(const fetch_order& order, std::size_t here) const {
  std::vector<std::uint32_t> tokens;
  auto before = queue.slices_before(order.urgency);
  std::vector<std::uint64_t> bytes{before * geometry.slice(0).bytes};
  std::size_t joined = order.joins.empty() ? 0 : 1;  // all or nothing, as one chunk at the head
  if (joined > 0) {
    io::read_queue::rest all;
    for (auto id : order.joins) {
      auto [missing, in_device] = queue.rest_of(id);
      all.missing += missing, all.in_device += in_device;
    }
    auto last = before - all.in_device + all.missing;
    tokens.push_back(order.joined_tokens);
    bytes.push_back(all.missing == 0 ? 0 : last * geometry.slice(0).bytes);
  }
  for (std::size_t i = 0; i < here; ++i) {
    tokens.push_back(order.brings_tokens.empty() ? order.links[i].fill : order.brings_tokens.at(i));
    bytes.push_back(bytes.back() + geometry.packed_bytes(order.links[i].fill));
  }
  auto deadline_us = std::chrono::duration<double, std::micro>{order.deadline}.count();
  auto load_us = [&](std::size_t count) {
    auto us = bytes[count] == 0 ? 0 : pace.us(bytes[count]);
    return us > deadline_us ? std::numeric_limits<double>::max() : us;  // it would be given up
  };
  auto count = kv::chunks_to_load(tokens, order.recompute, load_us);
  // A device that has not read for a while may be faster by now: one chunk shows it, for which nobody waits.
  if (order.urgency != io::urgency::turn_waits && pace.is_stale(self->clock().now()))
    count = std::max(count, joined + std::min<std::size_t>(here, 1));
  return {.chunks = count - std::min(count, joined), .joins = count >= joined};
}

void disk_tier_state::hurry(ticket id) {
  queue.hurry(id, io::urgency::turn_waits);
  go_on();
}

void disk_tier_state::cancel(ticket id) {
  queue.cancel(id);
  go_on();
}

std::span<std::byte> disk_tier_state::slice(const load_state::chunk& c, std::uint32_t layer) const {
  return kv::packed_slice_of(c.page, geometry, layer, c.fill);
}

void disk_tier_state::start_read(const io::read_queue::read& r) {
  const auto& c = loads.at(r.into.order).chunks[r.into.chunk];
  auto from = parts.layout.at(r.slot, geometry.packed(r.layer, c.fill).offset_bytes);
  if (operation_of_read.empty()) last_answer = self->clock().now();
  pace.began(self->clock().now());
  auto id = new_operation(read_done{r});
  operation_of_read.emplace(r.id, id);
  operations.at(id).in_device = parts.device->read(from, slice(c, r.layer), r.wanted, completion(id, c.page));
}

void disk_tier_state::ended(const read_done& read, int error) {
  const auto& r = read.what;
  operation_of_read.erase(r.id);
  pace.ended(self->clock().now(), error == 0 ? slice(loads.at(r.into.order).chunks[r.into.chunk], r.layer).size() : 0);
  if (error == ECANCELED) return queue.ended(r.id, io::read_queue::ending::cancelled);
  last_answer = self->clock().now();
  failed_reads = error == 0 ? 0 : failed_reads + 1;
  if (failed_reads == failed_reads_max)
    end_with(fmt::format("the device failed {} reads in a row, the last with: {}", failed_reads, std::strerror(error)));
  const auto& c = loads.at(r.into.order).chunks[r.into.chunk];
  bool good = error == 0 && kv::checksum(slice(c, r.layer)) == (*c.checksums)[r.layer];
  if (!good) {
    ++(error != 0 ? read_errors : corrupt);
    quarantine(c.key, c.slot, error);
  }
  queue.ended(r.id, good ? io::read_queue::ending::good : io::read_queue::ending::bad);
}

/// The device is gone, or the catalogue: the tier above then asks no more of it, and whoever starts this tier again
/// looks at the device first.
void disk_tier_state::end_with(std::string why) { self->quit(caf::make_error(ec::store_failed, std::move(why))); }

/// Never offered again; unless an order found the damage before, and the chunk has been saved again since.
void disk_tier_state::quarantine(kv::chunk_key key, std::uint32_t slot, int error) {
  const auto* row = store.find(key);
  if (!row || row->slot != slot) return;
  auto [segment, offset] = parts.layout.at(slot);
  spdlog::warn("disk tier: chunk {} in segment {} at {} is damaged and dropped: {}", kv::to_string(key), segment,
               offset, error != 0 ? std::strerror(error) : "the bytes do not match their checksum");
  forget(key);
}

void disk_tier_state::carry_out(const io::read_queue::todo& todo) {
  for (const auto& c : todo.copies) {
    auto from = slice(loads.at(c.from.order).chunks[c.from.chunk], c.layer);
    auto to = slice(loads.at(c.to.order).chunks[c.to.chunk], c.layer);
    std::memcpy(to.data(), from.data(), from.size());
  }
  for (auto [id, layer] : todo.ready) self->send(loads.at(id).sink, atom::ready_v, id, layer, gpu::fence{});
  for (const auto& f : todo.failed) {
    const auto& load = loads.at(f.where.order);
    if (f.late) {
      ++late;
      spdlog::info("disk tier: an order of {} chunks is given up: past its deadline", load.chunks.size());
    }
    self->send(load.sink, atom::failed_v, f.where.order, f.where.chunk);
  }
  for (const auto& r : todo.reads) start_read(r);
  for (auto read : todo.cancels) parts.device->cancel(operations.at(operation_of_read.at(read)).in_device);
  for (auto id : todo.over) {
    auto load = loads.extract(id);
    for (const auto& c : load.mapped().chunks) store.let_go(c.slot);
  }
  if (todo.more) go_on_soon();
}

std::uint64_t disk_tier_state::new_operation(decltype(operation::what) what) {
  operations.emplace(++last_operation, operation{std::move(what)});
  return last_operation;
}

io::io_done disk_tier_state::completion(std::uint64_t id, kv::page_ref page) const {
  return [handle = disk_tier_actor{self}, id, held = std::move(page)](int error) {
    caf::anon_send(handle, atom::internal_v, atom::proceed_v, id, std::int32_t{error});
  };
}

void disk_tier_state::on_operation(std::uint64_t id, int error) {
  if (id == no_operation) going_on = false;
  if (auto node = operations.extract(id); !node.empty())
    std::visit([&](const auto& what) { ended(what, error); }, node.mapped().what);
  go_on();
}

void disk_tier_state::ended(const save_when_there& save, int error) {
  if (error == 0) return take(save.order, save.upper);
  key_list keys;
  for (const auto& c : save.order.chunks) keys.push_back(c.link.key);
  self->send(save.upper, atom::refused_v, keys);
}

void disk_tier_state::ended(const write_done& write, int error) {
  if (error != 0) ++write_errors;
  saves.at(write.key).page = {};
  // Its chain counts as used in the commit that brings its row.
  if (auto touch = early_touches.find(write.key); touch != early_touches.end())
    if (const auto& chain = touch->second; std::exchange(used_in_group, chain) != chain) store.use(*chain);
  store.wrote(write.key, error == 0);
}

void disk_tier_state::ended(const sync_done&, int error) {
  if (error != 0) ++write_errors;
  store.synced(error == 0);
}

void disk_tier_state::go_on() {
  carry_out(queue.next(self->clock().now()));
  make_room();
  carry_out(store.next());
}

void disk_tier_state::go_on_soon() {
  if (!std::exchange(going_on, true))
    self->send(self, atom::internal_v, atom::proceed_v, no_operation, std::int32_t{0});
}

std::int64_t disk_tier_state::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now().time_since_epoch()).count();
}

void disk_tier_state::touch(const key_list& chain, const kv::chain_use& use) {
  policy->touch(chain, use);
  store.use(chain);
  if (early_touches.size() + chain.size() > early_touches_max) early_touches.clear();
  auto shared = std::make_shared<const key_list>(chain);
  for (auto key : chain)
    if (!store.find(key)) early_touches[key] = shared;
}

void disk_tier_state::retire(const key_list& keys) {
  for (auto key : keys) policy->retire(key);
}

expectations disk_tier_state::expect(std::uint32_t chunks_max) {
  expectations all;
  for (const auto& use : policy->expected(chunks_max, now_us())) {
    auto& one = all.emplace_back(expected_chunks{.links = {}, .worth = use.worth});
    for (auto key : use.keys)
      if (const auto* row = store.find(key)) one.links.push_back({key, row->fill});
  }
  return all;
}

chance_list disk_tier_state::chances(const hash_list& of, std::int64_t horizon_us) {
  chance_list all;
  for (auto conversation : of) all.push_back(policy->returns_within(conversation, horizon_us, now_us()));
  return all;
}

void disk_tier_state::hint(const hints& next) {
  if (parts.policy.hears_queue) policy->hint(next.upcoming, now_us());
}

void disk_tier_state::erase(const key_list& keys) {
  for (auto key : keys) forget(key);
  go_on();
}

counters disk_tier_state::stats() const {
  auto room = static_cast<std::int64_t>(geometry.chunk_bytes());
  auto io = parts.device->counters();
  return {name,
          {{"capacity_bytes", room * parts.layout.slots},
           {"used_bytes", room * (parts.layout.slots - store.free_slots())},
           {"chunks", static_cast<std::int64_t>(store.chunks())},
           {"saves_waiting", static_cast<std::int64_t>(store.saving())},
           {"hit_chunks", hits},
           {"missed_chunks", misses},
           {"not_worth_reading_chunks", not_worth},
           {"stored_chunks", stored},
           {"evicted_chunks", evicted},
           {"refused_chunks", refused},
           {"corrupt_chunks", corrupt},
           {"late_orders", late},
           {"read_errors", read_errors},
           {"write_errors", write_errors},
           {"commits", commits},
           {"scrubbed_chunks", scrub.chunks},
           {"scrubbed_bytes", scrub.bytes},
           {"scrub_passes", scrub.passes},
           {"scrub_damaged_chunks", scrub.damaged},
           {"bytes_read", io.bytes_read},
           {"bytes_written", io.bytes_written}}};
}

disk_tier_actor::behavior_type disk_tier(disk_tier_actor::stateful_pointer<disk_tier_state> self, kv::geometry geometry,
                                         disk_parts parts, std::vector<io::stored_chunk> found) {
  auto& state = self->state;
  state.start(geometry, std::move(parts), std::move(found));
  return {
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::fetch, const fetch_order& order, const layer_sink_actor& sink) {
        return state.fetch(order, sink);
      },
      [&state](atom::hurry, ticket id) { state.hurry(id); },
      [&state](atom::cancel, ticket id) { state.cancel(id); },
      [&state](atom::save, const save_order& order, const upper_tier_actor& upper) { state.save(order, upper); },
      [&state](atom::touch, const key_list& chain, const kv::chain_use& use) { state.touch(chain, use); },
      [&state](atom::retire, const key_list& keys) { state.retire(keys); },
      [&state](atom::erase, const key_list& keys) { state.erase(keys); },
      [&state](atom::hint, const hints& next) { state.hint(next); },
      [&state](atom::expect, std::uint32_t chunks_max) { return state.expect(chunks_max); },
      [&state](atom::expect, const hash_list& of, std::int64_t horizon_us) { return state.chances(of, horizon_us); },
      [](atom::attach, const caf::strong_actor_ptr&) { /* nothing stands below the disk yet */ },
      [](atom::detach) {},
      [&state](atom::stats) { return state.stats(); },
      [&state](atom::internal, atom::proceed, std::uint64_t id, std::int32_t error) { state.on_operation(id, error); },
  };
}

}  // namespace chromatin
