/// Chunks on their way up from the tiers below into turns' pages.

#include "actors/device_tier.hpp"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

#include "kv/check.hpp"

namespace chromatin {

presence_list device_tier_state::lookup(const key_list& keys) const {
  std::unordered_set<kv::chunk_key> coming;
  for (const auto& [id, l] : loads)
    for (const auto& c : l.chunks) coming.insert(c.link.key);
  presence_list all;
  for (auto key : keys)
    all.push_back(chunks.find(key)       ? chunk_presence::here
                  : coming.contains(key) ? chunk_presence::coming
                                         : chunk_presence::absent);
  return all;
}

void device_tier_state::load_rest(const admission& order, const resident_chunks::run& run,
                                  const std::vector<kv::page_ref>& pages) {
  fetch_order fetch{.id = new_ticket(), .deadline = order.load_deadline};
  for (auto i = run.length; i < run.links.size(); ++i) {
    fetch.links.push_back(run.links[i]);
    fetch.into.push_back(pages[i]);
  }
  std::uint32_t end = 0;
  for (const auto& link : run.links) end += link.fill;
  fetch.recompute = order.recompute;
  fetch.recompute.tokens_after = order.tokens - std::min(order.tokens, end);
  fetch.recompute.head_tokens -= std::min(fetch.recompute.head_tokens, run.tokens());
  holders.at(order.turn).load = fetch.id;
  loads.emplace(fetch.id, load{.turn = order.turn});
  self->request(below.tier(), order.load_deadline, atom::fetch_v, fetch, layer_sink_actor{self})
      .then([=, this, depth = run.length](const fetch_started& started) { on_promise(fetch, depth, started); },
            [=, this](const caf::error&) {  // no answer in time, or the tier died
              if (auto l = take_load(fetch.id)) self->send(scheduler, atom::promised_v, l->turn, load_promise{});
            });
}

void device_tier_state::on_promise(const fetch_order& order, std::uint32_t depth, const fetch_started& started) {
  auto found = loads.find(order.id);
  if (found == loads.end()) return;  // released meanwhile, and cancelled
  auto& l = found->second;
  auto count = std::min(started.chunks.size(), order.links.size());
  if (count == 0) {
    auto turn = l.turn;
    take_load(order.id);
    self->send(scheduler, atom::promised_v, turn, load_promise{});
    return;
  }
  load_promise promise{.progress = l.progress = std::make_shared<load_progress>(parts.geometry.layers)};
  for (std::size_t i = 0; i < count; ++i) {
    const auto& chunk = started.chunks[i];
    l.chunks.push_back({order.links[i], depth + static_cast<std::uint32_t>(i), order.into[i], chunk.checksums});
    add_hit(promise.hits, chunk.tier, order.links[i].fill);
    promise.tokens += order.links[i].fill;
  }
  self->delayed_send(self, order.deadline, atom::internal_v, atom::late_v, order.id);
  self->send(scheduler, atom::promised_v, l.turn, std::move(promise));
}

void device_tier_state::on_ready(ticket id, std::uint32_t layer, const gpu::fence& arrives) {
  auto found = loads.find(id);
  if (found == loads.end()) return;
  auto& l = found->second;
  CHROMATIN_CHECK(l.progress, "a promise comes before the first layer");
  CHROMATIN_CHECK(layer == l.progress->layers_ordered(), "layers come in order");
  l.progress->ordered(layer, arrives);
  self->send(executor, atom::ready_v, ticket{l.turn}, layer, arrives);
  self->send(scheduler, atom::ready_v, l.turn, layer);
  arrives.then([handle = device_tier_actor{self}, id](bool passed) {
    caf::anon_send(handle, atom::internal_v, atom::loaded_v, id, passed);
  });
}

void device_tier_state::on_loaded(ticket id, bool arrived) {
  if (!arrived) return on_failed(id);
  auto found = loads.find(id);
  if (found == loads.end() || ++found->second.layers_arrived < parts.geometry.layers) return;
  auto node = loads.extract(found);
  auto& owner = holders.at(node.mapped().turn);
  owner.load = 0;
  node.mapped().progress->arrive();
  self->send(scheduler, atom::ready_v, node.mapped().turn, parts.geometry.layers);
  loaded += static_cast<std::int64_t>(node.mapped().chunks.size());
  for (const auto& c : node.mapped().chunks) {
    if (c.link.fill < kv::tokens_per_chunk) continue;  // the turn goes on writing into its tail
    make_reusable(c, owner);
    below.is_there(c.link.key);
  }
}

std::optional<device_tier_state::load> device_tier_state::take_load(ticket id) {
  auto node = loads.extract(id);
  if (node.empty()) return {};
  if (below) self->send(below.tier(), atom::cancel_v, id);
  if (auto owner = holders.find(node.mapped().turn); owner != holders.end()) owner->second.load = 0;
  return std::move(node.mapped());
}

void device_tier_state::fail_load(load l, bool was_late) {
  if (!l.progress) return self->send(scheduler, atom::promised_v, l.turn, load_promise{});
  l.progress->fail();
  self->send(executor, atom::failed_v, ticket{l.turn}, std::uint32_t{0});
  if (was_late)
    self->send(scheduler, atom::late_v, l.turn);
  else
    self->send(scheduler, atom::failed_v, l.turn);
}

void device_tier_state::on_failed(ticket id) {
  auto l = take_load(id);
  if (!l) return;
  ++failed;
  fail_load(*std::move(l), false);
}

void device_tier_state::on_late(ticket id) {
  auto l = take_load(id);
  if (!l) return;
  ++late;
  spdlog::info("device tier: the load of turn {} is late and given up; {} chunks are computed", l->turn,
               l->chunks.size());
  fail_load(*std::move(l), true);
}

}  // namespace chromatin
