// What is ordered ahead of need, and how much of it at one time.

#include "actors/prefetcher.hpp"

#include <gmock/gmock.h>

#include "tests/actors/idle_tier.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

/// `turns` that wait, each with a chain of `chunks` of its own.
hints waiting(std::uint64_t turns, std::uint64_t chunks) {
  hints next;
  for (std::uint64_t turn = 1; turn <= turns; ++turn) {
    kv::upcoming_turn one{.conversation = turn};
    std::vector<kv::link> links;
    for (std::uint64_t i = 0; i < chunks; ++i) {
      kv::chunk_key key{turn, i};
      one.keys.push_back(key);
      links.push_back({.key = key, .fill = kv::tokens_per_chunk});
    }
    next.upcoming.push_back(std::move(one));
    next.links.push_back(std::move(links));
  }
  return next;
}

TEST(Prefetcher, OrdersNoMoreThanItsWindowHolds) {
  world w;
  idle_tier_state idle{.promises = true};
  auto tier = w.system.spawn(idle_tier, &idle);
  auto prefetcher = w.system.spawn(chromatin::prefetcher, w.geometry.layers, 7u);
  caf::anon_send(prefetcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(tier));
  caf::anon_send(prefetcher, atom::hint_v, waiting(5, 3));
  w.drain();
  EXPECT_EQ(idle.orders, 2);
  EXPECT_EQ(w.counter(prefetcher, "chunks_under_way"), 6);
}

/// Notes how many turns each hint names.
prefetcher_actor::behavior_type listener(prefetcher_actor::pointer, std::vector<std::size_t>* turns) {
  return {[](atom::ready, ticket, std::uint32_t, const gpu::fence&) {},
          [](atom::failed, ticket, std::uint32_t) {},
          [turns](atom::hint, const hints& next) { turns->push_back(next.upcoming.size()); },
          [](atom::attach, const caf::strong_actor_ptr&) {},
          [](atom::detach) {},
          [](atom::stats) { return counters{}; }};
}

TEST(Hints, ATurnIsHintedWhenItBeginsToWait) {
  world w{{.device_chunks = 4}};
  std::vector<std::size_t> turns;
  caf::anon_send(w.scheduler, atom::attach_v, w.system.spawn(listener, &turns));
  w.say("runs", "hello", 200);
  for (int n = 0; n < 100; ++n) w.step();
  w.say("waits", many(8));
  turns.clear();
  w.run();
  EXPECT_THAT(turns, testing::Contains(1u));
}

}  // namespace
}  // namespace chromatin::test
