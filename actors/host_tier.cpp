#include "actors/host_tier.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace chromatin {
// -- loading --

std::vector<bool> host_tier_state::lookup(const key_list& keys) const {
  std::vector<bool> here;
  for (auto key : keys) {
    auto found = index.find(key);
    here.push_back(found != index.end() && (found->second.complete || found->second.raise != 0));
  }
  return here;
}

std::vector<kv::link> host_tier_state::missing(const fetch_order& order) const {
  std::vector<kv::link> result;
  for (const auto& link : order.links)
    if (!index.contains(link.key)) result.push_back(link);
  return result;
}

caf::result<fetch_started> host_tier_state::fetch(fetch_order order, layer_sink_actor sink) {
  auto wanted = missing(order);
  if (wanted.empty() || !lower) return promise_run(order, sink);

  key_list held;  // what is here must still be here when the answer from below comes
  for (const auto& link : order.links)
    if (index.contains(link.key)) held.push_back(link.key);
  pin(held, true);
  fetch_order from_below{new_ticket(), {}, {}, order.deadline};
  for (const auto& link : wanted) {
    auto page = allocate();
    if (!page) break;
    from_below.links.push_back(link);
    from_below.into.push_back(std::move(page));
  }
  auto promise = self->make_response_promise<fetch_started>();
  auto answer = [this, order, sink, held, promise]() mutable {
    promise.deliver(promise_run(order, sink));
    pin(held, false);
  };
  self->request(lower, order.deadline, atom::fetch_v, from_below, layer_sink_actor{self})
      .then(
          [this, from_below, answer](const fetch_started& started) mutable {
            adopt_raised(from_below, started);
            answer();
          },
          [answer](const caf::error&) mutable { answer(); });
  return promise;
}

void host_tier_state::adopt_raised(const fetch_order& order, const fetch_started& started) {
  raise coming;
  for (std::size_t i = 0; i < std::min(started.chunks.size(), order.links.size()); ++i) {
    auto key = order.links[i].key;
    if (index.contains(key)) continue;
    const auto& promised = started.chunks[i];
    index[key] = {.link = order.links[i],
                  .depth = promised.depth,
                  .page = order.into[i],
                  .checksums = promised.checksums,
                  .below = true,
                  .raised_unused = true,
                  .raise = order.id};
    coming.keys.push_back(key);
  }
  if (!coming.keys.empty()) raises.emplace(order.id, std::move(coming));
}

fetch_started host_tier_state::promise_run(const fetch_order& order, const layer_sink_actor& sink) {
  fetch_started answer;
  transfer t{.sink = sink, .into = order.into};
  for (const auto& link : order.links) {
    auto found = index.find(link.key);
    if (found == index.end() || (!found->second.complete && found->second.raise == 0)) break;
    auto& e = found->second;
    answer.chunks.push_back({e.raised_unused ? source::disk : source::host, e.depth, e.checksums});
    if (!order.into.empty()) e.raised_unused = false;
    if (e.raise != 0) t.raises.insert(e.raise);
    t.keys.push_back(link.key);
    t.from.push_back(e.page);
    t.checksums.push_back(e.checksums);
  }
  hits += static_cast<std::int64_t>(t.keys.size());
  misses += static_cast<std::int64_t>(order.links.size() - t.keys.size());
  policy->touch(t.keys);
  if (t.keys.empty()) return answer;
  pin(t.keys, true);
  transfers.insert_or_assign(order.id, std::move(t));
  schedule_proceed();
  return answer;
}

void host_tier_state::schedule_proceed() {
  if (std::exchange(proceeding, true)) return;
  self->send(self, atom::internal_v, atom::proceed_v);
}

void host_tier_state::proceed() {
  proceeding = false;
  bool more = false;
  std::vector<ticket> ended;
  std::vector<std::pair<ticket, std::uint32_t>> damaged;
  for (auto& [id, t] : transfers) {
    if (!layer_arrived(t)) continue;
    std::uint32_t bad = 0;
    if (!copy_layer(t, bad)) {
      damaged.emplace_back(id, bad);
      continue;
    }
    self->send(t.sink, atom::ready_v, id, t.next_layer);
    if (++t.next_layer == geometry.layers)
      ended.push_back(id);
    else
      more = true;
  }
  for (auto id : ended) end_transfer(id);
  for (auto [id, bad] : damaged) {
    ++corrupt;
    auto key = transfers.at(id).keys[bad];
    fail_transfer(id, bad);
    drop(key);
  }
  if (more) schedule_proceed();
}

bool host_tier_state::layer_arrived(const transfer& t) const {
  return std::all_of(t.raises.begin(), t.raises.end(), [&](ticket id) {
    auto found = raises.find(id);
    return found == raises.end() || found->second.layers_ready > t.next_layer;
  });
}

bool host_tier_state::copy_layer(const transfer& t, std::uint32_t& damaged) const {
  if (t.into.empty()) return true;
  for (std::uint32_t i = 0; i < t.keys.size(); ++i) {
    auto from = kv::slice_of(t.from[i], geometry, t.next_layer);
    if (kv::checksum(from) != (*t.checksums[i])[t.next_layer]) {
      damaged = i;
      return false;
    }
    std::memcpy(kv::slice_of(t.into[i], geometry, t.next_layer).data(), from.data(), from.size());
  }
  return true;
}

void host_tier_state::end_transfer(ticket id) {
  auto found = transfers.find(id);
  if (found == transfers.end()) return;
  auto keys = std::move(found->second.keys);
  transfers.erase(found);
  pin(keys, false);
}

void host_tier_state::fail_transfer(ticket id, std::uint32_t bad) {
  self->send(transfers.at(id).sink, atom::failed_v, id, bad);
  end_transfer(id);
}

void host_tier_state::cancel(ticket id) { end_transfer(id); }

void host_tier_state::on_ready(ticket id, std::uint32_t layer) {
  auto found = raises.find(id);
  if (found == raises.end()) return;
  found->second.layers_ready = layer + 1;
  if (found->second.layers_ready == geometry.layers) {
    for (auto key : found->second.keys) {
      auto e = index.find(key);
      if (e == index.end() || e->second.raise != id) continue;
      e->second.raise = 0;
      e->second.complete = true;
      ++raised;
    }
    raises.erase(found);
  }
  schedule_proceed();
}

void host_tier_state::on_failed(ticket id, std::uint32_t) {
  auto node = raises.extract(id);
  if (node.empty()) return;
  std::vector<std::pair<ticket, std::uint32_t>> broken;
  for (const auto& [transfer_id, t] : transfers) {
    if (!t.raises.contains(id)) continue;
    auto of_raise = [&](auto key) { return index.contains(key) && index.at(key).raise == id; };
    auto first = std::find_if(t.keys.begin(), t.keys.end(), of_raise) - t.keys.begin();
    broken.emplace_back(transfer_id, static_cast<std::uint32_t>(first));
  }
  for (auto [transfer_id, first] : broken) fail_transfer(transfer_id, first);
  for (auto key : node.mapped().keys)
    if (auto e = index.find(key); e != index.end() && e->second.raise == id) drop(key);
}

// -- room --

bool host_tier_state::may_go(kv::chunk_key key) const {
  const auto& e = index.at(key);
  return e.complete && e.pins == 0 && (e.below || e.refused || !lower);
}

kv::page_ref host_tier_state::allocate() {
  while (true) {
    if (auto page = arena->try_allocate()) return page;
    auto victim = policy->victim([this](auto key) { return may_go(key); });
    if (!victim) return {};
    ++evicted;
    if (!index.at(*victim).below) ++dropped;
    drop(*victim);
  }
}

void host_tier_state::drop(kv::chunk_key key) {
  index.erase(key);
  incoming.erase(key);
  policy->erase(key);
}

void host_tier_state::pin(const key_list& keys, bool on) {
  for (auto key : keys) {
    auto e = index.find(key);
    if (e == index.end()) continue;
    if (on)
      ++e->second.pins;
    else if (e->second.pins > 0)
      --e->second.pins;
  }
}

void host_tier_state::touch(const key_list& keys) {
  key_list here;
  std::copy_if(keys.begin(), keys.end(), std::back_inserter(here), [&](auto key) { return index.contains(key); });
  policy->touch(here);
  if (lower) self->send(lower, atom::touch_v, keys);
}

void host_tier_state::erase(const key_list& keys) {
  for (auto key : keys) {
    auto e = index.find(key);
    if (e != index.end() && e->second.raise == 0 && e->second.pins == 0) drop(key);
  }
  if (lower) self->send(lower, atom::erase_v, keys);
}

// -- the hierarchy --

void host_tier_state::attach(const caf::strong_actor_ptr& tier) {
  detach();
  lower = caf::actor_cast<tier_actor>(tier);
  self->monitor(lower);
  key_list keys;
  for (const auto& [key, e] : index)
    if (e.complete) keys.push_back(key);
  self->request(lower, caf::infinite, atom::lookup_v, keys)
      .then(
          [this, keys](const std::vector<bool>& there) {
            key_list offered;
            for (std::size_t i = 0; i < keys.size(); ++i) {
              auto e = index.find(keys[i]);
              if (e == index.end()) continue;
              e->second.below = there[i];
              e->second.refused = false;
              if (!there[i]) offered.push_back(keys[i]);
            }
            pass_down(offered);
          },
          [](const caf::error&) { /* the tier died again; whoever restarts it attaches it anew */ });
}

void host_tier_state::detach() {
  lower = nullptr;
  std::vector<ticket> lost;
  for (const auto& [id, r] : raises) lost.push_back(id);
  for (auto id : lost) on_failed(id, 0);
}

counters host_tier_state::stats() const {
  auto page = static_cast<std::int64_t>(arena->page_bytes());
  return {name,
          {{"capacity_bytes", page * arena->capacity()},
           {"used_bytes", page * (arena->capacity() - arena->available())},
           {"chunks", static_cast<std::int64_t>(index.size())},
           {"hit_chunks", hits},
           {"missed_chunks", misses},
           {"raised_chunks", raised},
           {"stored_chunks", stored},
           {"evicted_chunks", evicted},
           {"dropped_chunks", dropped},
           {"refused_chunks", refused},
           {"corrupt_chunks", corrupt}}};
}

host_tier_actor::behavior_type host_tier(host_tier_actor::stateful_pointer<host_tier_state> self, kv::geometry geometry,
                                         std::shared_ptr<kv::page_arena> arena) {
  auto& state = self->state;
  state.geometry = geometry;
  state.arena = std::move(arena);
  state.policy = std::make_unique<kv::recency_list>();
  self->set_down_handler([&state](const caf::down_msg& down) {
    if (state.lower && down.source == state.lower.address()) state.detach();
  });
  return {
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::fetch, fetch_order order, layer_sink_actor sink) {
        return state.fetch(std::move(order), std::move(sink));
      },
      [&state](atom::cancel, ticket id) { state.cancel(id); },
      [&state](atom::save, const save_order& order, const upper_tier_actor& upper) { state.save(order, upper); },
      [&state](atom::pin, const key_list& keys) { state.pin(keys, true); },
      [&state](atom::unpin, const key_list& keys) { state.pin(keys, false); },
      [&state](atom::touch, const key_list& keys) { state.touch(keys); },
      [&state](atom::erase, const key_list& keys) { state.erase(keys); },
      [&state](atom::hint, const hints& next) {
        state.policy->hint(next.upcoming);
        if (state.lower) state.self->send(state.lower, atom::hint_v, next);
      },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
      [&state](atom::detach) { state.detach(); },
      [&state](atom::stats) { return state.stats(); },
      [&state](atom::ready, ticket id, std::uint32_t layer) { state.on_ready(id, layer); },
      [&state](atom::failed, ticket id, std::uint32_t index) { state.on_failed(id, index); },
      [&state](atom::saved, const key_list& keys) { state.on_saved(keys); },
      [&state](atom::refused, const key_list& keys) { state.on_refused(keys); },
      [&state](atom::internal, atom::proceed) { state.proceed(); },
  };
}

}  // namespace chromatin
