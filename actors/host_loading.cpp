// Loading through host memory: how the host tier serves fetch orders, and loads from below what it lacks.

#include <algorithm>
#include <memory>

#include <spdlog/spdlog.h>

#include "actors/host_tier.hpp"
#include "kv/check.hpp"

namespace chromatin {

presence_list host_tier_state::lookup(const key_list& keys) const {
  presence_list all;
  for (auto key : keys) {
    auto found = index.find(key);
    all.push_back(found == index.end() || found->second.doomed ? chunk_presence::absent
                  : found->second.complete                     ? chunk_presence::here
                                                               : chunk_presence::coming);
  }
  return all;
}

caf::result<fetch_started> host_tier_state::fetch(fetch_order order, layer_sink_actor sink) {
  key_list held;  // what is here must still be here when the answer from below comes
  for (const auto& link : order.links)
    if (index.contains(link.key)) held.push_back(link.key);
  fetch_order from_below;
  if (below && order.urgency == io::urgency::turn_waits) join_loads(order, from_below);
  if ((held.size() == order.links.size() && from_below.joins.empty()) || !below) return promise_run(order, sink);
  for (auto key : held) pin(key);
  order_missing(order, from_below);
  auto promise = self->make_response_promise<fetch_started>();
  auto answer_later = std::make_shared<answer<fetch_started>>(promise);
  asked_below.insert(order.id);
  auto answer_now = [this, order, sink, held, answer_later] {
    for (auto key : held) unpin(key);
    bool wanted = asked_below.erase(order.id) > 0;
    answer_later->deliver(wanted ? promise_run(order, sink) : fetch_started{});
  };
  self->request(below.tier(), order.deadline, atom::fetch_v, from_below, layer_sink_actor{self})
      .then(
          [=, this](const fetch_started& started) {
            if (!started.joins) take_back(from_below.joins);
            adopt(from_below, started);
            answer_now();
            if (auto l = loads.find(from_below.id); l != loads.end() && l->second.users == 0) drop_load(from_below.id);
          },
          [=, this](const caf::error&) {  // late or dead: what it may still write goes into pages nobody uses
            if (below) self->send(below.tier(), atom::cancel_v, from_below.id);
            answer_now();
          });
  return promise;
}

void host_tier_state::join_loads(const fetch_order& order, fetch_order& from_below) const {
  if (order.recompute.us_per_token <= 0) return;
  std::set<ticket> joined;
  for (const auto& link : order.links) {
    auto found = index.find(link.key);
    if (found == index.end() || found->second.doomed) break;
    auto id = found->second.loading;
    if (id == 0 || loads.at(id).urgent) continue;
    joined.insert(id);
    from_below.joined_tokens += link.fill;
  }
  from_below.joins.assign(joined.begin(), joined.end());
}

/// Ahead of need, and too late for the turn that needs it.
void host_tier_state::take_back(const std::vector<ticket>& ids) {
  for (auto id : ids) {
    auto found = loads.find(id);
    if (found == loads.end() || found->second.urgent) continue;
    taken_back += static_cast<std::int64_t>(found->second.keys.size());
    if (below) self->send(below.tier(), atom::cancel_v, id);
    on_failed(id, 0);
  }
}

void host_tier_state::order_missing(const fetch_order& order, fetch_order& from_below) {
  from_below.id = new_ticket();
  from_below.deadline = order.deadline;
  from_below.urgency = order.urgency;
  from_below.recompute = order.recompute;
  std::uint32_t ahead = 0;
  for (const auto& link : order.links) {
    if (index.contains(link.key)) {
      (from_below.links.empty() ? ahead : from_below.brings_tokens.back()) += link.fill;
      continue;
    }
    auto page = allocate();
    if (!page) break;
    from_below.links.push_back(link);
    from_below.brings_tokens.push_back(link.fill);
    from_below.into.push_back(std::move(page));
  }
  auto& head = from_below.recompute.head_tokens;
  head -= std::min(head, ahead - from_below.joined_tokens);
}

void host_tier_state::adopt(const fetch_order& order, const fetch_started& started) {
  load coming{.urgent = order.urgency == io::urgency::turn_waits};
  for (std::size_t i = 0; i < std::min(started.chunks.size(), order.links.size()); ++i) {
    const auto& link = order.links[i];
    if (index.contains(link.key)) continue;
    const auto& promised = started.chunks[i];
    insert({.link = link,
            .depth = promised.depth,
            .page = order.into[i],
            .checksums = promised.checksums,
            .from = promised.tier,
            .loading = order.id});
    coming.keys.push_back(link.key);
  }
  if (!coming.keys.empty())
    loads.emplace(order.id, std::move(coming));
  else if (!started.chunks.empty() && below)
    self->send(below.tier(), atom::cancel_v, order.id);
}

fetch_started host_tier_state::promise_run(const fetch_order& order, const layer_sink_actor& sink) {
  fetch_started promise;
  transfer t{.sink = sink, .chunks = {}, .into = order.into, .loads = {}};
  for (const auto& link : order.links) {
    auto found = index.find(link.key);
    if (found == index.end() || found->second.doomed) break;
    auto& e = found->second;
    promise.chunks.push_back({e.from.empty() ? "host" : e.from, e.depth, e.checksums});
    if (!order.into.empty()) e.from.clear();
    if (e.loading != 0) t.loads.insert(e.loading);
    t.chunks.push_back({e.link, e.depth, e.page, e.checksums});
    pin(link.key);
  }
  hits += static_cast<std::int64_t>(t.chunks.size());
  misses += static_cast<std::int64_t>(order.links.size() - t.chunks.size());
  if (t.chunks.empty()) return promise;
  for (auto id : t.loads) {
    ++loads.at(id).users;
    if (order.urgency == io::urgency::turn_waits) hurry_load(id);
  }
  transfers.insert_or_assign(order.id, std::move(t));
  self->send(self, atom::internal_v, atom::proceed_v, order.id);  // the promise goes before the first layer
  return promise;
}

void host_tier_state::hurry(ticket id) {
  if (auto t = transfers.find(id); t != transfers.end())
    for (auto load_id : t->second.loads) hurry_load(load_id);
}

void host_tier_state::hurry_load(ticket id) {
  auto found = loads.find(id);
  if (found == loads.end() || std::exchange(found->second.urgent, true) || !below) return;
  self->send(below.tier(), atom::hurry_v, id);
}

bool host_tier_state::layer_is_here(const transfer& t) const {
  return std::all_of(t.loads.begin(), t.loads.end(), [&](ticket id) {
    auto found = loads.find(id);
    return found == loads.end() || found->second.layers_ready > t.next_layer;
  });
}

void host_tier_state::pump(ticket id) {
  auto found = transfers.find(id);
  if (found == transfers.end()) return;
  auto& t = found->second;
  while (!t.over && t.next_layer < parts.geometry.layers && layer_is_here(t)) copy_layer(id, t);
  end_if_idle(id);
}

void host_tier_state::copy_layer(ticket id, transfer& t) {
  auto layer = t.next_layer++;
  gpu::fence arrives;
  if (!t.into.empty()) {
    std::vector<gpu::slice_copy> slices;
    for (std::size_t i = 0; i < t.chunks.size(); ++i) {
      const auto& c = t.chunks[i];
      slices.push_back({t.into[i], layer, c.link.fill, c.page, (*c.checksums)[layer]});
    }
    ++t.copying;
    arrives = parts.backend->copies().in(std::move(slices), completion(id));
  }
  self->send(t.sink, atom::ready_v, id, layer, arrives);
}

void host_tier_state::on_transfer_copied(ticket id, const gpu::copy_result& result) {
  auto& t = transfers.at(id);
  --t.copying;
  if (result.error == gpu::copy_error::damaged && !t.over) {
    auto key = t.chunks.at(result.index).link.key;
    ++corrupt;
    spdlog::warn("host tier: chunk {} is damaged in memory: quarantined", kv::to_string(key));
    index.at(key).doomed = true;  // never offered again
    fail(id, result.index);
  } else if (result.error != gpu::copy_error::none && !t.over) {
    ++copy_errors;
    fail(id, 0);
  }
  end_if_idle(id);
}

void host_tier_state::fail(ticket id, std::uint32_t at) {
  auto& t = transfers.at(id);
  t.over = true;
  self->send(t.sink, atom::failed_v, id, at);
}

void host_tier_state::end_if_idle(ticket id) {
  auto found = transfers.find(id);
  auto& t = found->second;
  if (t.copying > 0 || (!t.over && t.next_layer < parts.geometry.layers)) return;
  auto node = transfers.extract(found);
  for (const auto& c : node.mapped().chunks) unpin(c.link.key);
  for (auto load_id : node.mapped().loads) leave_load(load_id);
}

void host_tier_state::cancel(ticket id) {
  asked_below.erase(id);
  auto found = transfers.find(id);
  if (found == transfers.end()) return;
  found->second.over = true;
  end_if_idle(id);
}

void host_tier_state::leave_load(ticket id) {
  auto found = loads.find(id);
  if (found == loads.end()) return;
  CHROMATIN_CHECK(found->second.users > 0, "who leaves a load had joined it");
  if (--found->second.users > 0) return;
  drop_load(id);
}

/// Nobody wants it any more.
void host_tier_state::drop_load(ticket id) {
  if (below) self->send(below.tier(), atom::cancel_v, id);
  forget_chunks(loads.extract(id).mapped().keys);
}

/// Chunks that will not come.
void host_tier_state::forget_chunks(const key_list& keys) {
  for (auto key : keys) {
    auto& e = index.at(key);
    e.loading = 0;
    e.doomed = true;
    if (policy->pins(key) == 0) drop(key);
  }
}

void host_tier_state::on_ready(ticket id, std::uint32_t layer) {
  auto found = loads.find(id);
  if (found == loads.end()) return;
  found->second.layers_ready = layer + 1;
  std::vector<ticket> waiting;
  for (const auto& [transfer_id, t] : transfers)
    if (t.loads.contains(id)) waiting.push_back(transfer_id);
  if (layer + 1 == parts.geometry.layers) {
    for (auto key : found->second.keys) {
      auto& e = index.at(key);
      e.loading = 0;
      e.complete = true;
      ++loaded;
      below.is_there(key);
      if (e.doomed && policy->pins(key) == 0) drop(key);
    }
    loads.erase(found);
    for (auto transfer_id : waiting) transfers.at(transfer_id).loads.erase(id);
  }
  for (auto transfer_id : waiting) pump(transfer_id);
}

void host_tier_state::on_failed(ticket id, std::uint32_t) {
  auto found = loads.find(id);
  if (found == loads.end()) return;
  auto keys = found->second.keys;
  auto of_load = [&](const chunk& c) { return std::find(keys.begin(), keys.end(), c.link.key) != keys.end(); };
  std::vector<ticket> broken;
  for (auto& [transfer_id, t] : transfers)
    if (t.loads.erase(id) > 0) broken.push_back(transfer_id);
  for (auto transfer_id : broken) {
    const auto& t = transfers.at(transfer_id);
    if (t.over) continue;
    auto first = std::find_if(t.chunks.begin(), t.chunks.end(), of_load) - t.chunks.begin();
    fail(transfer_id, static_cast<std::uint32_t>(first));
  }
  loads.erase(id);
  forget_chunks(keys);
  for (auto transfer_id : broken) end_if_idle(transfer_id);
}

}  // namespace chromatin
