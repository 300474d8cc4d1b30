#include "actors/device_tier.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace chromatin {
namespace {

/// How often a load is started again after a damaged chunk before everything is computed instead.
constexpr std::uint32_t load_failures_max = 3;
constexpr auto retry_after = std::chrono::milliseconds{2};

std::uint32_t token_sum(std::span<const kv::link> links) {
  std::uint32_t sum = 0;
  for (const auto& link : links) sum += link.fill;
  return sum;
}

}  // namespace

// -- admission --

caf::result<admitted> device_tier_state::admit(admission order) {
  if (order.pages > arena->capacity())
    return caf::make_error(ec::no_room, "the turn needs " + std::to_string(order.pages * kv::tokens_per_chunk) +
                                            " tokens of device memory and there is room for " +
                                            std::to_string(arena->capacity() * kv::tokens_per_chunk) +
                                            "; start with a larger --device-mem");
  auto promise = self->make_response_promise<admitted>();
  waiting.push_back({std::move(order), promise});
  try_waiting();
  return promise;
}

void device_tier_state::try_waiting() {
  while (!waiting.empty() && try_admit(waiting.front())) waiting.pop_front();
  if (waiting.empty() || std::exchange(retrying, true)) return;
  self->delayed_send(self, retry_after, atom::internal_v, atom::proceed_v);
}

std::uint32_t device_tier_state::resident_run(const std::vector<kv::link>& links) const {
  auto absent = std::find_if(links.begin(), links.end(), [&](const auto& link) { return !index.contains(link.key); });
  return static_cast<std::uint32_t>(absent - links.begin());
}

bool device_tier_state::try_admit(waiter& w) {
  const auto& links = w.order.reuse;
  auto run = resident_run(links);
  key_list shared;  // whole chunks; a partly filled one will be written to, so it is copied
  for (std::uint32_t i = 0; i < run && links[i].fill == kv::tokens_per_chunk; ++i) shared.push_back(links[i].key);
  for (std::uint32_t i = 0; i < run; ++i) ++index.at(links[i].key).pins;

  admitted answer;
  for (auto key : shared) answer.pages.push_back(index.at(key).page);
  bool room = take_pages(w.order.pages, answer.pages);
  if (room && shared.size() < run) {
    auto from = index.at(links[run - 1].key).page.bytes();
    std::memcpy(answer.pages[run - 1].writable().data(), from.data(), from.size());
  }
  for (std::uint32_t i = 0; i < run; ++i)
    if (!room || i >= shared.size()) --index.at(links[i].key).pins;
  if (!room) return false;

  hits += run;
  answer.reused_tokens = token_sum(std::span{links}.first(run));
  answer.hit_tokens[static_cast<std::size_t>(source::device)] = answer.reused_tokens;
  holders[w.order.turn] = {.pinned = std::move(shared)};
  if (run < links.size() && w.order.may_load && lower)
    load_rest(w, run, std::move(answer));
  else
    w.promise.deliver(std::move(answer));
  return true;
}

bool device_tier_state::take_pages(std::uint32_t count, std::vector<kv::page_ref>& pages) {
  auto may_go = [this](kv::chunk_key key) {
    const auto& e = index.at(key);
    return e.pins == 0 && (e.below || e.refused || !lower);
  };
  while (pages.size() < count) {
    if (auto page = arena->try_allocate()) {
      pages.push_back(std::move(page));
      continue;
    }
    auto victim = policy->victim(may_go);
    if (!victim) return false;
    ++evicted;
    if (!index.at(*victim).below) ++dropped;
    drop(*victim);
  }
  return true;
}

// -- loading --

void device_tier_state::load_rest(waiter w, std::uint32_t run, admitted answer) {
  fetch_order order{new_ticket(), {}, {}, w.order.load_deadline};
  for (auto i = run; i < w.order.reuse.size(); ++i) {
    order.links.push_back(w.order.reuse[i]);
    order.into.push_back(answer.pages[i]);
  }
  auto deadline = w.order.load_deadline;
  self->request(lower, deadline, atom::fetch_v, order, layer_sink_actor{self})
      .then([=, this](const fetch_started& started) mutable { start_load(w, run, std::move(answer), order, started); },
            [=, this](const caf::error&) mutable {
              // No answer in time, or the tier died: what it may still write goes into pages nobody uses any more.
              if (lower) self->send(lower, atom::cancel_v, order.id);
              give_up({.turn = w.order.turn, .waiting = std::move(w)}, false);
            });
}

void device_tier_state::start_load(waiter w, std::uint32_t run, admitted answer, const fetch_order& order,
                                   const fetch_started& started) {
  auto count = std::min(started.chunks.size(), order.links.size());
  if (!holders.contains(w.order.turn)) {
    if (lower) self->send(lower, atom::cancel_v, order.id);
    w.promise.deliver(caf::make_error(ec::cancelled));
    return;
  }
  if (count == 0) {
    w.promise.deliver(std::move(answer));
    return;
  }
  load l{.turn = w.order.turn};
  for (std::size_t i = 0; i < count; ++i) {
    const auto& promised = started.chunks[i];
    l.chunks.push_back({order.links[i], run + static_cast<std::uint32_t>(i), order.into[i], promised.checksums});
    answer.hit_tokens[static_cast<std::size_t>(promised.from)] += order.links[i].fill;
    answer.reused_tokens += order.links[i].fill;
  }
  answer.loading = std::make_shared<load_progress>();
  l.answer = std::move(answer);
  self->delayed_send(self, w.order.load_deadline, atom::internal_v, atom::late_v, order.id);
  l.waiting = std::move(w);
  loads.emplace(order.id, std::move(l));
}

void device_tier_state::on_ready(ticket id, std::uint32_t layer) {
  auto found = loads.find(id);
  if (found == loads.end()) return;
  auto& l = found->second;
  l.answer.loading->layers_ready = layer + 1;
  self->send(executor, atom::ready_v, id, layer);
  if (l.waiting) {
    l.waiting->promise.deliver(l.answer);
    l.waiting.reset();
  }
  if (layer + 1 < geometry.layers) return;
  auto done = loads.extract(found);
  loaded += static_cast<std::int64_t>(done.mapped().chunks.size());
  auto owner = holders.find(done.mapped().turn);
  if (owner == holders.end()) return;
  for (const auto& c : done.mapped().chunks)
    if (c.link.fill == kv::tokens_per_chunk) make_reusable(c, owner->second, true);
}

void device_tier_state::on_failed(ticket id) {
  auto node = loads.extract(id);
  if (node.empty()) return;
  ++failed;
  auto may_load = node.mapped().waiting && ++node.mapped().waiting->failures < load_failures_max;
  give_up(std::move(node.mapped()), may_load);
}

void device_tier_state::on_late(ticket id) {
  auto node = loads.extract(id);
  if (node.empty()) return;
  ++late;
  if (lower) self->send(lower, atom::cancel_v, id);
  give_up(std::move(node.mapped()), false);
}

void device_tier_state::give_up(load l, bool may_load) {
  if (!l.waiting) {  // the turn runs already: the executor must drop it from its step
    l.answer.loading->failed = true;
    self->send(executor, atom::failed_v, ticket{l.turn}, std::uint32_t{0});
    return;
  }
  auto owner = holders.extract(l.turn);
  if (owner.empty()) {
    l.waiting->promise.deliver(caf::make_error(ec::cancelled));
    return;
  }
  unpin(owner.mapped().pinned);
  l.waiting->order.may_load = may_load;
  waiting.push_front(std::move(*l.waiting));
  l.answer.pages.clear();
  l.chunks.clear();
  try_waiting();
}

// -- saving --

void device_tier_state::save(turn_id turn, const save_order& order) {
  auto owner = holders.find(turn);
  if (owner == holders.end()) return;
  if (order.layer_begin == 0)
    for (const auto& c : order.chunks) owner->second.saving.push_back(c.link.key);
  if (order.layer_end == geometry.layers) {
    computed += static_cast<std::int64_t>(order.chunks.size());
    owner->second.saving.clear();
    for (const auto& c : order.chunks) make_reusable(c, owner->second, false);
  }
  if (lower) self->send(lower, atom::save_v, order, upper_tier_actor{self});
}

void device_tier_state::make_reusable(const chunk& c, holder& owner, bool below) {
  auto [at, fresh] = index.try_emplace(c.link.key, entry{c.link, c.depth, c.page, 1, below});
  if (!fresh) return;
  owner.pinned.push_back(c.link.key);
  policy->touch(std::span{&c.link.key, 1});
}

void device_tier_state::on_saved(const key_list& keys, bool safe) {
  if (!safe) refused += static_cast<std::int64_t>(keys.size());
  for (auto key : keys) {
    auto e = index.find(key);
    if (e == index.end()) continue;
    e->second.below = safe;
    e->second.refused = !safe;
  }
  try_waiting();
}

void device_tier_state::release(const release_order& order) {
  auto is_turn = [&](const waiter& w) { return w.order.turn == order.turn; };
  if (auto w = std::find_if(waiting.begin(), waiting.end(), is_turn); w != waiting.end()) {
    w->promise.deliver(caf::make_error(ec::cancelled));
    waiting.erase(w);
  }
  for (auto l = loads.begin(); l != loads.end();) {
    auto next = std::next(l);
    if (l->second.turn == order.turn) {
      if (l->second.waiting) l->second.waiting->promise.deliver(caf::make_error(ec::cancelled));
      if (lower) self->send(lower, atom::cancel_v, l->first);
      loads.erase(l);
    }
    l = next;
  }
  auto node = holders.extract(order.turn);
  if (node.empty()) return;
  auto chain = std::move(node.mapped().pinned);
  unpin(chain);
  if (order.tail.page) {
    index.try_emplace(order.tail.link.key, entry{order.tail.link, order.tail.depth, order.tail.page});
    chain.push_back(order.tail.link.key);
  }
  policy->touch(chain);
  auto superseded = index.find(order.superseded);
  if (superseded != index.end() && superseded->second.pins == 0) drop(order.superseded);
  if (lower) {
    if (order.tail.page)
      self->send(lower, atom::save_v, save_order{{order.tail}, 0, geometry.layers}, upper_tier_actor{self});
    self->send(lower, atom::touch_v, chain);
    auto useless = std::move(node.mapped().saving);
    if (order.superseded != kv::chunk_key{}) useless.push_back(order.superseded);
    if (!useless.empty()) self->send(lower, atom::erase_v, useless);
  }
  try_waiting();
}

void device_tier_state::drop(kv::chunk_key key) {
  index.erase(key);
  policy->erase(key);
}

void device_tier_state::unpin(const key_list& keys) {
  for (auto key : keys)
    if (auto e = index.find(key); e != index.end() && e->second.pins > 0) --e->second.pins;
}

// -- the hierarchy --

void device_tier_state::attach(const caf::strong_actor_ptr& tier) {
  detach();
  lower = caf::actor_cast<tier_actor>(tier);
  self->monitor(lower);
  save_order order{{}, 0, geometry.layers};
  for (auto& [key, e] : index) {
    e.below = e.refused = false;
    order.chunks.push_back({e.link, e.depth, e.page, nullptr});
  }
  if (!order.chunks.empty()) self->send(lower, atom::save_v, std::move(order), upper_tier_actor{self});
}

void device_tier_state::detach() {
  lower = nullptr;
  std::vector<ticket> lost;
  for (const auto& [id, l] : loads) lost.push_back(id);
  for (auto id : lost) on_failed(id);
  try_waiting();
}

counters device_tier_state::stats() const {
  auto page = static_cast<std::int64_t>(arena->page_bytes());
  return {name,
          {{"capacity_bytes", page * arena->capacity()},
           {"used_bytes", page * (arena->capacity() - arena->available())},
           {"chunks", static_cast<std::int64_t>(index.size())},
           {"turns_with_pages", static_cast<std::int64_t>(holders.size())},
           {"turns_waiting_for_room", static_cast<std::int64_t>(waiting.size())},
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
                                             kv::geometry geometry, std::shared_ptr<kv::page_arena> arena,
                                             layer_sink_actor executor) {
  auto& state = self->state;
  state.geometry = geometry;
  state.arena = std::move(arena);
  state.policy = std::make_unique<kv::recency_list>();
  state.executor = std::move(executor);
  self->set_down_handler([&state](const caf::down_msg& down) {
    if (state.lower && down.source == state.lower.address()) state.detach();
  });
  return {
      [&state](atom::ready, ticket id, std::uint32_t layer) { state.on_ready(id, layer); },
      [&state](atom::failed, ticket id, std::uint32_t) { state.on_failed(id); },
      [&state](atom::saved, const key_list& keys) { state.on_saved(keys, true); },
      [&state](atom::refused, const key_list& keys) { state.on_saved(keys, false); },
      [&state](atom::admit, admission order) { return state.admit(std::move(order)); },
      [&state](atom::save, turn_id turn, const save_order& order) { state.save(turn, order); },
      [&state](atom::release, const release_order& order) { state.release(order); },
      [&state](atom::internal, atom::late, ticket id) { state.on_late(id); },
      [&state](atom::internal, atom::proceed) {
        state.retrying = false;
        state.try_waiting();
      },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
      [&state](atom::detach) { state.detach(); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
