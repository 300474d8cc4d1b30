#include "actors/device_tier.hpp"

#include <algorithm>
#include <chrono>

#include "kv/check.hpp"

namespace chromatin {

void device_tier_state::start(device_parts p) {
  parts = std::move(p);
  chunks = {parts.arena, kv::make_policy(parts.policy), [this](const resident_chunks::entry& e) {
              evicted += making_room;
              dropped += making_room && below && !below.is_safe(e.link.key);
              below.forget(e.link.key);
            }};
  below = tier_below{{
      .layers = parts.geometry.layers,
      .chunk_bytes = static_cast<std::uint32_t>(parts.geometry.chunk_bytes()),
      .find = [this](kv::chunk_key key) -> std::optional<chunk> {
        auto* e = chunks.find(key);
        if (!e) return {};
        return chunk{e->link, e->depth, e->page, nullptr};
      },
      .safe =
          [this](kv::chunk_key key, bool safe) {
            if (chunks.find(key)) chunks.policy().safe_below(key, safe);
          },
  }};
}

// -- pages of turns --

std::optional<std::vector<kv::page_ref>> device_tier_state::take_pages(std::uint32_t count) {
  making_room = true;
  auto pages = chunks.take_pages(
      count, now_us(), [handle = device_tier_actor{self}] { caf::anon_send(handle, atom::internal_v, atom::room_v); });
  making_room = false;
  somebody_waits = somebody_waits || !pages;
  return pages;
}

void device_tier_state::on_page_free() {
  if (std::exchange(somebody_waits, false) && scheduler) self->send(scheduler, atom::room_v);
}

admitted device_tier_state::admit(const admission& order) {
  CHROMATIN_CHECK(!holders.contains(order.turn), "a turn is admitted once before it is released");
  auto run = chunks.find_run(order.chain);
  CHROMATIN_CHECK(order.pages >= run.length, "a block table holds what is reused");
  holder owner;
  for (std::uint32_t i = 0; i < run.shared; ++i) pin(run.links[i].key, owner);
  // A tail is written to. Its page is taken over where nothing is lost by that, else it is copied.
  std::optional<resident_chunks::entry> tail;
  if (run.has_tail()) tail = *chunks.find(run.links[run.shared].key);
  bool take_over = tail && may_take_over(tail->link.key);
  auto needed = order.pages - run.shared - (take_over ? 1 : 0);
  if (tail) chunks.pin(tail->link.key);
  auto fresh = take_pages(needed);
  if (tail) chunks.unpin({tail->link.key});
  if (!fresh) {
    chunks.unpin(owner.pinned);
    return {.missing_pages = chunks.missing(needed)};
  }
  admitted answer;
  for (auto key : owner.pinned) answer.pages.push_back(chunks.find(key)->page);
  if (take_over) {
    answer.pages.push_back(tail->page);
    chunks.drop(tail->link.key);
  } else if (tail) {
    answer.tail_copied = parts.backend->copies().copy(tail->page, fresh->front(), tail->link.fill, {});
  }
  answer.pages.insert(answer.pages.end(), fresh->begin(), fresh->end());
  answer.resident_tokens = run.tokens();
  hits += run.length;
  chunks.policy().touch(owner.pinned, order.use);
  answer.loading = run.length < run.links.size() && order.may_load && below;
  holders.emplace(order.turn, std::move(owner));
  if (answer.loading) load_rest(order, run, answer.pages);
  return answer;
}

bool device_tier_state::may_take_over(kv::chunk_key tail) const {
  CHROMATIN_CHECK(chunks.pins(tail) == 0, "turns pin whole chunks only: of a tail they take the page or a copy");
  return !below || below.is_safe(tail) || below.is_refused(tail);
}

grown device_tier_state::grow(turn_id turn, std::uint32_t count) {
  if (!holders.contains(turn)) return {.missing_pages = count};  // released meanwhile
  if (auto pages = take_pages(count)) return {.pages = *std::move(pages)};
  return {.missing_pages = chunks.missing(count)};
}

void device_tier_state::retain(turn_id turn, const key_list& keys) {
  auto owner = holders.find(turn);
  if (owner == holders.end()) return;
  key_list stay, go;
  for (auto key : owner->second.pinned)
    (std::find(keys.begin(), keys.end(), key) != keys.end() ? stay : go).push_back(key);
  owner->second.pinned = std::move(stay);
  chunks.unpin(go);
  on_page_free();
}

void device_tier_state::release(const release_order& order) {
  auto node = holders.extract(order.turn);
  if (node.empty()) return;
  auto& owner = node.mapped();
  take_load(owner.load);
  for (auto key : owner.saving) {
    auto claim = savers.find(key);
    if (claim == savers.end() || claim->second != order.turn) continue;
    savers.erase(claim);
    below.give_up(key);
  }
  chunks.unpin(owner.pinned);
  auto chain = std::move(owner.pinned);
  if (order.tail.page) {
    auto key = order.tail.link.key;
    if (!chunks.find(key)) insert(order.tail);
    below.offer(key);
    chain.push_back(key);
  }
  chunks.policy().touch(chain, order.use);
  for (auto key : chain)
    if (below.is_refused(key)) below.offer(key);
  if (below) self->send(below.tier(), atom::touch_v, chain, order.use);
  if (order.superseded != kv::chunk_key{} && order.superseded != order.tail.link.key) {
    chunks.policy().retire(order.superseded);
    if (below) self->send(below.tier(), atom::retire_v, key_list{order.superseded});
  }
  on_page_free();
}

// -- the index --

void device_tier_state::insert(const chunk& c) {
  chunks.insert(c);
  auto key = c.link.key;
  if (!below || below.is_safe(key) || below.is_refused(key)) chunks.policy().safe_below(key, true);
}

void device_tier_state::make_reusable(const chunk& c, holder& owner) {
  if (chunks.find(c.link.key)) return;
  insert(c);
  pin(c.link.key, owner);
}

void device_tier_state::pin(kv::chunk_key key, holder& owner) {
  chunks.pin(key);
  owner.pinned.push_back(key);
}

void device_tier_state::erase(const key_list& keys) {
  for (auto key : keys) {
    chunks.doom(key);
    if (!chunks.find(key)) below.forget(key);  // or a turn that computes it waits for what is erased before its answer
  }
  if (below) self->send(below.tier(), atom::erase_v, keys);
  on_page_free();
}

// -- saving --

void device_tier_state::save(turn_id turn, save_order order) {
  auto owner = holders.find(turn);
  if (owner == holders.end()) return;
  // Of turns that compute the same chunk at the same time, one hands its layers down.
  if (order.layer_begin == 0)
    for (const auto& c : order.chunks)
      if (!chunks.find(c.link.key) && savers.try_emplace(c.link.key, turn).second)
        owner->second.saving.push_back(c.link.key);
  auto handed_down = order;
  std::erase_if(handed_down.chunks, [&](const chunk& c) {
    auto claim = savers.find(c.link.key);
    return claim == savers.end() || claim->second != turn;
  });
  if (!handed_down.chunks.empty()) below.save_layers(std::move(handed_down));
  if (order.layer_end == parts.geometry.layers) on_whole(turn, order);  // ends the claims, so it comes last
}

/// The last layer of these chunks was enqueued; they are whole when its fence has passed.
void device_tier_state::on_whole(turn_id turn, save_order order) {
  if (!order.after.over())
    return order.after.then([handle = device_tier_actor{self}, turn, order](bool) {
      caf::anon_send(handle, atom::internal_v, atom::save_v, turn, order);
    });
  auto owner = holders.find(turn);
  if (owner == holders.end()) return;
  for (const auto& c : order.chunks) {
    auto key = c.link.key;
    if (std::erase(owner->second.saving, key) > 0) savers.erase(key);
    if (order.after.failed()) {
      below.give_up(key);
      continue;
    }
    ++computed;
    make_reusable(c, owner->second);
    below.offer(key);  // unless its layers are on their way already
  }
}

void device_tier_state::on_saved(const key_list& keys) {
  below.on_saved(keys);
  on_page_free();
}

void device_tier_state::on_refused(const key_list& keys) {
  refused += static_cast<std::int64_t>(keys.size());
  below.on_refused(keys);
  on_page_free();
}

// -- the hierarchy --

void device_tier_state::hint(const hints& next) {
  if (parts.policy.hears_queue) chunks.policy().hint(next.upcoming, now_us());
}

void device_tier_state::attach(const caf::strong_actor_ptr& tier) {
  detach();
  auto keys = chunks.keys();
  below.attach(caf::actor_cast<tier_actor>(tier), upper_tier_actor{self}, keys);
  self->monitor(below.tier());
  offer_missing(self, below, keys, [this](kv::chunk_key key) { return chunks.find(key) != nullptr; });
}

void device_tier_state::detach() {
  std::vector<ticket> lost;
  for (const auto& [id, l] : loads) lost.push_back(id);
  for (auto id : lost) on_failed(id);
  below.detach(chunks.keys());
  on_page_free();
}

void device_tier_state::on_down(const caf::actor_addr& who) {
  if (below.is(who)) detach();
}

std::int64_t device_tier_state::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now().time_since_epoch()).count();
}

counters device_tier_state::stats() const {
  auto page = static_cast<std::int64_t>(parts.arena->page_bytes());
  return {name,
          {{"capacity_bytes", page * parts.arena->capacity()},
           {"used_bytes", page * (parts.arena->capacity() - parts.arena->available())},
           {"chunks", static_cast<std::int64_t>(chunks.size())},
           {"turns_with_pages", static_cast<std::int64_t>(holders.size())},
           {"loads_under_way", static_cast<std::int64_t>(loads.size())},
           {"saves_waiting", static_cast<std::int64_t>(below.unsafe())},
           {"hit_chunks", hits},
           {"loaded_chunks", loaded},
           {"computed_chunks", computed},
           {"evicted_chunks", evicted},
           {"dropped_chunks", dropped},
           {"refused_chunks", refused},
           {"failed_loads", failed},
           {"late_loads", late}}};
}

device_tier_actor::behavior_type device_tier(device_tier_actor::stateful_pointer<device_tier_state> self,
                                             device_parts parts) {
  auto& state = self->state;
  state.start(std::move(parts));
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source); });
  return {
      [&state](atom::ready, ticket id, std::uint32_t layer, const gpu::fence& f) { state.on_ready(id, layer, f); },
      [&state](atom::failed, ticket id, std::uint32_t) { state.on_failed(id); },
      [&state](atom::saved, const key_list& keys) { state.on_saved(keys); },
      [&state](atom::refused, const key_list& keys) { state.on_refused(keys); },
      [&state](atom::admit, const admission& order) { return state.admit(order); },
      [&state](atom::grow, turn_id turn, std::uint32_t count) { return state.grow(turn, count); },
      [&state](atom::retain, turn_id turn, const key_list& keys) { state.retain(turn, keys); },
      [&state](atom::save, turn_id turn, save_order order) { state.save(turn, std::move(order)); },
      [&state](atom::release, const release_order& order) { state.release(order); },
      [&state](atom::erase, const key_list& keys) { state.erase(keys); },
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::hint, const hints& next) { state.hint(next); },
      [&state](atom::attach, const turn_listener_actor& scheduler, const layer_sink_actor& executor) {
        state.scheduler = scheduler;
        state.executor = executor;
      },
      [&state](atom::internal, atom::late, ticket id) { state.on_late(id); },
      [&state](atom::internal, atom::loaded, ticket id, bool arrived) { state.on_loaded(id, arrived); },
      [&state](atom::internal, atom::save, turn_id turn, const save_order& order) { state.on_whole(turn, order); },
      [&state](atom::internal, atom::room) { state.on_page_free(); },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
      [&state](atom::detach) { state.detach(); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
