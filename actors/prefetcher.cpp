#include "actors/prefetcher.hpp"

#include <algorithm>
#include <chrono>

#include "kv/check.hpp"

namespace chromatin {
namespace {

constexpr auto idle_answer_within = std::chrono::seconds{1}, idle_load_within = std::chrono::seconds{10};
/// Of the window, what one look raises.
constexpr std::uint32_t idle_share = 8;

}  // namespace

void prefetcher_state::hint(const hints& next) {
  ++hints_seen;
  turns_wait = !next.upcoming.empty();
  if (!host) return;
  if (next.whole) self->send(host, atom::hint_v, next);
  std::unordered_set<std::uint64_t> upcoming;
  std::uint32_t ahead = 0;
  for (std::size_t i = 0; i < next.upcoming.size() && ahead < window_chunks; ++i) {
    const auto& turn = next.upcoming[i];
    ahead += static_cast<std::uint32_t>(turn.keys.size());
    upcoming.insert(turn.conversation);
    if (seen.contains(turn.conversation)) continue;
    if (chunks_under_way + turn.keys.size() > window_chunks) break;
    order(next.links[i],
          std::chrono::microseconds{std::max<std::int64_t>(turn.starts_in_us, 0)} + std::chrono::seconds{1},
          next.costs[i]);
    // One that could start at once may have to wait all the same: then there is more time at the next hint.
    if (next.costs[i].starts_in_us > 0) seen.insert(turn.conversation);
  }
  if (next.whole) std::erase_if(seen, [&](auto conversation) { return !upcoming.contains(conversation); });
}

void prefetcher_state::order(const std::vector<kv::link>& chain, caf::timespan deadline,
                             const kv::recompute_cost& cost) {
  if (chain.empty()) return;
  auto id = new_ticket();
  auto count = static_cast<std::uint32_t>(chain.size());
  under_way.emplace(id, count);
  chunks_under_way += count;
  ordered += count;
  self->request(host, deadline, atom::fetch_v, fetch_order{id, chain, {}, deadline, io::urgency::ahead_of_need, cost},
                layer_sink_actor{self})
      .then(
          [this, id](const fetch_started& started) {
            if (started.chunks.empty()) on_ended(id);
          },
          [this, id](const caf::error&) {
            ++failed;
            on_ended(id);
          });
}

void prefetcher_state::on_ended(ticket id) {
  auto order = under_way.extract(id);
  if (order.empty()) return;
  CHROMATIN_CHECK(chunks_under_way >= order.mapped(), "what ends was begun");
  chunks_under_way -= order.mapped();
}

void prefetcher_state::look_later() {
  if (idle_pause.count() == 0 || !host || std::exchange(looks, true)) return;
  self->delayed_send(self, idle_pause, atom::internal_v, atom::expect_v);
}

void prefetcher_state::on_idle() {
  looks = false;
  if (!host || turns_wait || chunks_under_way > 0) return look_later();  // turns that wait come first
  looks = true;
  self->request(host, idle_answer_within, atom::expect_v, std::max(1u, window_chunks / idle_share))
      .then(
          [this](const expectations& all) {
            looks = false;
            for (const auto& one : all) {
              expected += static_cast<std::int64_t>(one.links.size());
              order(one.links, idle_load_within, {});
            }
            look_later();
          },
          [this](const caf::error&) {
            looks = false;
            look_later();
          });
}

void prefetcher_state::attach(const caf::strong_actor_ptr& tier) {
  detach();
  host = caf::actor_cast<tier_actor>(tier);
  self->monitor(host);
  look_later();
}

void prefetcher_state::detach() {
  host = nullptr;
  under_way.clear();  // nothing of it will come
  chunks_under_way = 0;
  seen.clear();
}

counters prefetcher_state::stats() const {
  return {name,
          {{"hints", hints_seen},
           {"ordered_chunks", ordered},
           {"expected_chunks", expected},
           {"window_chunks", window_chunks},
           {"chunks_under_way", chunks_under_way},
           {"orders_failed", failed}}};
}

prefetcher_actor::behavior_type prefetcher(prefetcher_actor::stateful_pointer<prefetcher_state> self,
                                           std::uint32_t layers, std::uint32_t window_chunks,
                                           caf::timespan idle_pause) {
  auto& state = self->state;
  state.layers = layers;
  state.window_chunks = window_chunks;
  state.idle_pause = idle_pause;
  self->set_down_handler([&state](const caf::down_msg& down) {
    if (state.host && down.source == state.host.address()) state.detach();
  });
  return {
      [&state](atom::ready, ticket id, std::uint32_t layer, const gpu::fence&) {
        if (layer + 1 == state.layers) state.on_ended(id);
      },
      [&state](atom::failed, ticket id, std::uint32_t) { state.on_ended(id); },
      [&state](atom::hint, const hints& next) { state.hint(next); },
      [&state](atom::internal, atom::expect) { state.on_idle(); },
      [&state](atom::attach, const caf::strong_actor_ptr& tier) { state.attach(tier); },
      [&state](atom::detach) { state.detach(); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
