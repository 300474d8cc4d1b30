#include "actors/carrier.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "actors/last_words.hpp"

namespace chromatin {
namespace {

/// Nobody waits for it but an archive.
constexpr auto read_within = std::chrono::minutes{10};
/// By what they may become smaller in a partition: keys and values are close to noise, padding is not.
constexpr std::uint64_t compressed_most = 2;

}  // namespace

// -- from the disk --

/// The last load has ended.
carrier_state::reading::~reading() {
  for (auto& one : all) std::ranges::sort(one.kv, {}, &archive::kv_chunk::depth);
  done.deliver(std::move(all));
}

caf::result<archive_sources> carrier_state::fetch(archive_sources all) {
  auto promise = self->make_response_promise<archive_sources>();
  auto of = std::make_shared<reading>();
  of->all = std::move(all);
  of->done = answer<archive_sources>{promise};
  for (std::size_t i = 0; i < of->all.size(); ++i)
    if (of->all[i].job.kv) read_chunks(of, i);
  return promise;
}

void carrier_state::read_chunks(const std::shared_ptr<reading>& of, std::size_t source) {
  auto& one = of->all[source];
  const auto links = archive::chunks_of(one.said);
  const auto& shape = options.cache.geometry;
  std::uint64_t bytes = 0;
  for (const auto& link : links) bytes += shape.packed_bytes(link.fill);
  if (bytes > compressed_most * options.room_bytes) {
    one.refused = fmt::format(
        "its {} chunks of keys and values are {} bytes, and a partition of the archive has {}: archive it without them",
        links.size(), bytes, options.room_bytes);
    return;
  }
  if (links.empty() || !disk_) return;
  const auto room = kv::page_arena::make(kv::plain_memory(links.size() * shape.chunk_bytes()), shape.chunk_bytes());
  for (const auto& link : links) order({of, source, {.link = link, .page = room->try_allocate()}});
}

/// One by one: that a chunk is missing says nothing of those behind it.
void carrier_state::order(load one) {
  const fetch_order wanted{.id = new_ticket(),
                           .links = {one.chunk.link},
                           .into = {one.chunk.page},
                           .deadline = read_within,
                           .urgency = io::urgency::saving};
  loads_.emplace(wanted.id, std::move(one));
  self->request(disk_, caf::infinite, atom::fetch_v, wanted, layer_sink_actor{self})
      .then(
          [this, id = wanted.id](const fetch_started& started) {
            const auto found = loads_.find(id);
            if (found == loads_.end()) return;
            if (started.chunks.empty()) return end_load(id, false);
            found->second.chunk.depth = started.chunks[0].depth;
            found->second.chunk.checksums = started.chunks[0].checksums;
          },
          [this, id = wanted.id](const caf::error&) { end_load(id, false); });
}

void carrier_state::on_ready(ticket id, std::uint32_t layer) {
  if (layer + 1 == options.cache.geometry.layers) end_load(id, true);
}

void carrier_state::end_load(ticket id, bool arrived) {
  auto ended = loads_.extract(id);
  if (ended.empty() || !arrived) return;
  auto& [of, source, chunk] = ended.mapped();
  of->all[source].kv.push_back(std::move(chunk));
}

// -- to the disk --

caf::result<key_list> carrier_state::save(const recalled_conversation& what) {
  if (!disk_ || what->kv.empty()) return key_list{};
  auto promise = self->make_response_promise<key_list>();
  auto& saved = savings_.emplace_back();
  saved.done = answer<key_list>{promise};
  save_order order{.layer_end = options.cache.geometry.layers};
  key_list chain;
  for (const auto& one : what->kv) {
    order.chunks.push_back({one.link, one.depth, one.page, one.checksums});
    chain.push_back(one.link.key);
    saved.left.insert(one.link.key);
  }
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now().time_since_epoch());
  self->send(disk_, atom::touch_v, chain, kv::chain_use{.now_us = now.count()});
  self->send(disk_, atom::save_v, order, upper_tier_actor{self});
  return promise;
}

void carrier_state::end_saves(const key_list& keys, bool safe) {
  for (auto& one : savings_) {
    for (auto key : keys)
      if (one.left.erase(key) > 0 && safe) one.safe.push_back(key);
    if (one.left.empty()) one.done.deliver(std::move(one.safe));
  }
  std::erase_if(savings_, [](const saving& one) { return one.left.empty(); });
}

caf::result<chance_list> carrier_state::chances(const hash_list& of, std::int64_t horizon_us) {
  if (!disk_) return chance_list{};
  return self->delegate(disk_, atom::expect_v, of, horizon_us);
}

void carrier_state::attach(const caf::strong_actor_ptr& tier) {
  leave_disk();
  disk_ = caf::actor_cast<disk_tier_actor>(tier);
  self->monitor(disk_);
}

void carrier_state::on_down(const caf::actor_addr& who) {
  if (disk_ && disk_.address() == who) leave_disk();
}

/// What it was asked for does not come.
void carrier_state::leave_disk() {
  disk_ = nullptr;
  loads_.clear();
  for (auto& one : savings_) one.done.deliver(std::move(one.safe));
  savings_.clear();
}

carrier_actor::behavior_type carrier(carrier_actor::stateful_pointer<carrier_state> self, carrier_options options) {
  auto& state = self->state;
  state.options = options;
  keep_last_words(self);
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source); });
  return {
      [&state](atom::ready, ticket id, std::uint32_t layer, const gpu::fence&) { state.on_ready(id, layer); },
      [&state](atom::failed, ticket id, std::uint32_t) { state.end_load(id, false); },
      [&state](atom::saved, const key_list& keys) { state.end_saves(keys, true); },
      [&state](atom::refused, const key_list& keys) { state.end_saves(keys, false); },
      [&state](atom::fetch, archive_sources& all) { return state.fetch(std::move(all)); },
      [&state](atom::save, const recalled_conversation& what) { return state.save(what); },
      [&state](atom::expect, const hash_list& of, std::int64_t horizon_us) { return state.chances(of, horizon_us); },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
  };
}

}  // namespace chromatin
