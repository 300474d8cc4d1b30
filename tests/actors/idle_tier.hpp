#pragma once

/// What is above a tier that does nothing: tests of what must not depend on it.

#include <map>

#include "tests/actors/world.hpp"

namespace chromatin::test {

/// A tier that never says what became of a save, and never delivers what it `promises`.
struct idle_tier_state {
  bool promises = false;
  bool joins = true;  ///< what an order joins comes in time
  int orders = 0, cancels = 0, looks = 0;
  kv::recompute_cost cost;  ///< of the last order
  std::vector<std::uint32_t> brings_tokens;
  std::map<kv::chunk_key, std::uint32_t> layers_handed_down;
};

inline tier_actor::behavior_type idle_tier(tier_actor::pointer, idle_tier_state* it) {
  return {[it](atom::lookup, const key_list& keys) {
            return presence_list(keys.size(), it->promises ? chunk_presence::here : chunk_presence::absent);
          },
          [it](atom::fetch, const fetch_order& order, const layer_sink_actor&) {
            ++it->orders;
            it->cost = order.recompute;
            it->brings_tokens = order.brings_tokens;
            std::size_t count = it->promises ? order.links.size() : 0;
            return fetch_started{std::vector<fetch_started::promised>(count, {.tier = "nowhere"}), it->joins};
          },
          [](atom::hurry, ticket) {},
          [it](atom::cancel, ticket) { ++it->cancels; },
          [it](atom::save, const save_order& order, const upper_tier_actor&) {
            for (const auto& c : order.chunks)
              it->layers_handed_down[c.link.key] += order.layer_end - order.layer_begin;
          },
          [](atom::touch, const key_list&, const kv::chain_use&) {},
          [](atom::retire, const key_list&) {},
          [](atom::erase, const key_list&) {},
          [](atom::hint, const hints&) {},
          [it](atom::expect, std::uint32_t) {
            ++it->looks;
            return expectations{};
          },
          [](atom::attach, const caf::strong_actor_ptr&) {},
          [](atom::detach) {},
          [](atom::stats) { return counters{}; }};
}

/// Puts an idle tier below the device while it lives.
struct without_tiers : idle_tier_state {
  without_tiers(world& in, bool promising) : idle_tier_state{.promises = promising}, w{in} {
    attach(w.system.spawn(idle_tier, static_cast<idle_tier_state*>(this)));
  }
  ~without_tiers() { attach(w.host); }
  template <class Tier>
  void attach(const Tier& tier) {
    caf::anon_send(w.device, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(tier));
    w.drain();
  }
  world& w;
};

}  // namespace chromatin::test
