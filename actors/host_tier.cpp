#include "actors/host_tier.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include <spdlog/spdlog.h>

#include "actors/answer.hpp"
#include "kv/check.hpp"

namespace chromatin {

void host_tier_state::start(host_parts p) {
  parts = std::move(p);
  policy = kv::make_policy(parts.policy);
  saves = incoming_chunks{parts.geometry.layers};
  below = tier_below{{
      .layers = parts.geometry.layers,
      .chunk_bytes = static_cast<std::uint32_t>(parts.geometry.chunk_bytes()),
      .find = [this](kv::chunk_key key) -> std::optional<chunk> {
        auto e = index.find(key);
        if (e == index.end() || !e->second.complete) return {};
        return chunk{e->second.link, e->second.depth, e->second.page, e->second.checksums};
      },
      .safe =
          [this](kv::chunk_key key, bool safe) {
            if (auto e = index.find(key); e != index.end() && e->second.complete) policy->safe_below(key, safe);
          },
  }};
}

std::function<void(gpu::copy_result)> host_tier_state::completion(operation what) {
  auto id = next_operation++;
  operations.emplace(id, std::move(what));
  return [handle = host_tier_actor{self}, id](gpu::copy_result result) {
    caf::anon_send(handle, atom::internal_v, atom::copied_v, id, std::move(result));
  };
}

void host_tier_state::on_copied(std::uint64_t id, const gpu::copy_result& result) {
  auto node = operations.extract(id);
  CHROMATIN_CHECK(!node.empty(), "a copy ends once");
  if (auto* save = std::get_if<incoming_chunks::copy>(&node.mapped()))
    on_save_copied(*save, result);
  else
    on_transfer_copied(std::get<ticket>(node.mapped()), result);
}

// -- room --

kv::page_ref host_tier_state::allocate() {
  if (auto page = parts.arena->try_allocate()) return page;
  making_room = true;
  for (auto key : policy->victims(parts.arena->page_bytes(), now_us())) drop(key);
  making_room = false;
  return parts.arena->try_allocate();
}

void host_tier_state::insert(entry e) {
  auto key = e.link.key;
  policy->insert(key, {.depth = e.depth,
                       .bytes = static_cast<std::uint32_t>(parts.arena->page_bytes()),
                       .fill = e.link.fill,
                       .loaded = !e.complete});
  index.emplace(key, std::move(e));
}

void host_tier_state::drop(kv::chunk_key key) {
  evicted += making_room;
  dropped += making_room && below && !below.is_safe(key);
  policy->erase(key);
  below.forget(key);
  index.erase(key);
}

void host_tier_state::unpin(kv::chunk_key key) {
  policy->unpin(key);
  auto& e = index.at(key);
  if (e.doomed && e.loading == 0 && policy->pins(key) == 0) drop(key);
}

std::int64_t host_tier_state::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now().time_since_epoch()).count();
}

// -- saving --

void host_tier_state::save(const save_order& order, const upper_tier_actor& upper) {
  key_list safe, impossible;
  for (const auto& c : order.chunks) {
    auto key = c.link.key;
    auto here = index.find(key);
    if (here != index.end() && here->second.loading == 0) {
      if (order.layer_end == parts.geometry.layers) safe.push_back(key);
      continue;
    }
    if (order.layer_begin > 0) {  // one that was here at its first layer, and is gone, has no answer yet
      if (order.layer_end == parts.geometry.layers && !saves.contains(key)) impossible.push_back(key);
      continue;
    }
    auto page = allocate();
    if (page)
      saves.open(c, std::move(page), upper);
    else
      impossible.push_back(key), saves.forget(key);
  }
  if (!safe.empty()) self->send(upper, atom::saved_v, safe);
  refused += static_cast<std::int64_t>(impossible.size());
  if (!impossible.empty()) self->send(upper, atom::refused_v, impossible);
  auto copy = saves.copy_of(order.chunks, order.layer_begin, order.layer_end);
  if (copy.slices.empty()) return;
  auto slices = copy.slices;
  parts.backend->copies().out(std::move(slices), order.after, completion(std::move(copy)));
}

void host_tier_state::on_save_copied(const incoming_chunks::copy& copy, const gpu::copy_result& result) {
  if (result.error != gpu::copy_error::none) {
    ++copy_errors;
    spdlog::warn("host tier: a copy from the device failed; its {} chunks are not saved", copy.attempts.size());
  }
  for (auto& over : saves.end(copy, result)) {
    auto key = over.what.link.key;
    if (over.failed) {
      ++refused;
      self->send(over.upper, atom::refused_v, key_list{key});
      continue;
    }
    if (!index.contains(key)) {
      insert({.link = over.what.link,
              .depth = over.what.depth,
              .page = over.what.page,
              .checksums = over.what.checksums,
              .complete = true});
      ++stored;
      below.offer(key);
    }
    self->send(over.upper, atom::saved_v, key_list{key});
  }
}

void host_tier_state::on_saved(const key_list& keys) { below.on_saved(keys); }

void host_tier_state::on_refused(const key_list& keys) { below.on_refused(keys); }

// -- the hierarchy --

void host_tier_state::touch(const key_list& keys, const kv::chain_use& use) {
  policy->touch(keys, use);
  for (auto key : keys)
    if (below.is_refused(key)) below.offer(key);
  if (below) self->send(below.tier(), atom::touch_v, keys, use);
}

void host_tier_state::retire(const key_list& keys) {
  for (auto key : keys) policy->retire(key);
  if (below) self->send(below.tier(), atom::retire_v, keys);
}

void host_tier_state::erase(const key_list& keys) {
  for (auto key : keys) {
    saves.forget(key);
    auto e = index.find(key);
    if (e == index.end()) continue;
    e->second.doomed = true;
    if (e->second.loading == 0 && policy->pins(key) == 0) drop(key);
  }
  if (below) self->send(below.tier(), atom::erase_v, keys);
}

caf::result<expectations> host_tier_state::expect(std::uint32_t chunks_max) {
  if (!below) return expectations{};
  constexpr auto below_answers_within = std::chrono::seconds{1};
  auto promise = self->make_response_promise<expectations>();
  auto answer_later = std::make_shared<answer<expectations>>(promise);
  self->request(below.tier(), below_answers_within, atom::expect_v, chunks_max)
      .then(
          [this, answer_later](expectations& all) {
            std::erase_if(all, [this](expected_chunks& one) { return !worth_raising(one); });
            answer_later->deliver(std::move(all));
          },
          [answer_later](const caf::error&) { answer_later->deliver(expectations{}); });
  return promise;
}

/// Of what is not here yet: there is room, or what would go is worth clearly less.
bool host_tier_state::worth_raising(expected_chunks& what) {
  constexpr double clearly_more = 1.25;
  std::erase_if(what.links, [this](const kv::link& l) { return index.contains(l.key); });
  if (what.links.empty()) return false;
  if (what.links.size() <= parts.arena->available()) return true;
  auto least = policy->least_worth(now_us());
  return least && what.worth > clearly_more * *least;
}

void host_tier_state::hint(const hints& next) {
  if (parts.policy.hears_queue) policy->hint(next.upcoming, now_us());
  if (below) self->send(below.tier(), atom::hint_v, next);
}

void host_tier_state::attach(const caf::strong_actor_ptr& tier) {
  detach();
  key_list keys;
  for (const auto& [key, e] : index)
    if (e.complete) keys.push_back(key);
  below.attach(caf::actor_cast<tier_actor>(tier), upper_tier_actor{self}, keys);
  self->monitor(below.tier());
  offer_missing(self, below, keys, [this](kv::chunk_key key) { return index.contains(key); });
}

void host_tier_state::detach() {
  std::vector<ticket> lost;
  for (const auto& [id, l] : loads) lost.push_back(id);
  for (auto id : lost) on_failed(id, 0);
  key_list keys;
  for (const auto& [key, e] : index)
    if (e.complete) keys.push_back(key);
  below.detach(keys);
}

void host_tier_state::on_down(const caf::actor_addr& who) {
  if (!below.is(who)) return;
  spdlog::warn("host tier: the tier below died; host memory is the last tier until it is back");
  detach();
}

counters host_tier_state::stats() const {
  auto page = static_cast<std::int64_t>(parts.arena->page_bytes());
  return {name,
          {{"capacity_bytes", page * parts.arena->capacity()},
           {"used_bytes", page * (parts.arena->capacity() - parts.arena->available())},
           {"chunks", static_cast<std::int64_t>(index.size())},
           {"saves_under_way", static_cast<std::int64_t>(saves.size())},
           {"saves_waiting", static_cast<std::int64_t>(saves.size() + below.unsafe())},
           {"loads_under_way", static_cast<std::int64_t>(loads.size() + transfers.size())},
           {"hit_chunks", hits},
           {"missed_chunks", misses},
           {"raised_chunks", loaded},
           {"taken_back_chunks", taken_back},
           {"stored_chunks", stored},
           {"evicted_chunks", evicted},
           {"dropped_chunks", dropped},
           {"refused_chunks", refused},
           {"corrupt_chunks", corrupt},
           {"copy_errors", copy_errors}}};
}

host_tier_actor::behavior_type host_tier(host_tier_actor::stateful_pointer<host_tier_state> self, host_parts parts) {
  auto& state = self->state;
  state.start(std::move(parts));
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source); });
  return {
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::fetch, fetch_order order, layer_sink_actor sink) {
        return state.fetch(std::move(order), std::move(sink));
      },
      [&state](atom::hurry, ticket id) { state.hurry(id); },
      [&state](atom::cancel, ticket id) { state.cancel(id); },
      [&state](atom::save, const save_order& order, const upper_tier_actor& upper) { state.save(order, upper); },
      [&state](atom::touch, const key_list& keys, const kv::chain_use& use) { state.touch(keys, use); },
      [&state](atom::retire, const key_list& keys) { state.retire(keys); },
      [&state](atom::erase, const key_list& keys) { state.erase(keys); },
      [&state](atom::hint, const hints& next) { state.hint(next); },
      [&state](atom::expect, std::uint32_t chunks_max) { return state.expect(chunks_max); },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
      [&state](atom::detach) { state.detach(); },
      [&state](atom::stats) { return state.stats(); },
      [&state](atom::ready, ticket id, std::uint32_t layer, const gpu::fence&) { state.on_ready(id, layer); },
      [&state](atom::failed, ticket id, std::uint32_t index) { state.on_failed(id, index); },
      [&state](atom::saved, const key_list& keys) { state.on_saved(keys); },
      [&state](atom::refused, const key_list& keys) { state.on_refused(keys); },
      [&state](atom::internal, atom::copied, std::uint64_t id, const gpu::copy_result& result) {
        state.on_copied(id, result);
      },
      [&state](atom::internal, atom::proceed, ticket id) { state.pump(id); },
  };
}

}  // namespace chromatin
