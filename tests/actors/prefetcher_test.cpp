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
    next.costs.push_back({.starts_in_us = 1});
  }
  return next;
}

TEST(Prefetcher, OrdersNoMoreThanItsWindowHolds) {
  world w;
  idle_tier_state idle{.promises = true};
  auto tier = w.system.spawn(idle_tier, &idle);
  auto prefetcher = w.system.spawn(chromatin::prefetcher, w.geometry.layers, 7u, caf::timespan{});
  caf::anon_send(prefetcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(tier));
  caf::anon_send(prefetcher, atom::hint_v, waiting(5, 3));
  w.drain();
  EXPECT_EQ(idle.orders, 2);
  EXPECT_EQ(w.counter(prefetcher, "chunks_under_way"), 6);
  EXPECT_EQ(idle.cost.starts_in_us, 1) << "what would come too late is not read";
}

/// Notes how many turns each hint names.
prefetcher_actor::behavior_type hint_listener(prefetcher_actor::pointer, std::vector<std::size_t>* turns) {
  return {[](atom::ready, ticket, std::uint32_t, const gpu::fence&) {},
          [](atom::failed, ticket, std::uint32_t) {},
          [turns](atom::hint, const hints& next) { turns->push_back(next.upcoming.size()); },
          [](atom::internal, atom::expect) {},
          [](atom::attach, const caf::strong_actor_ptr&) {},
          [](atom::detach) {},
          [](atom::stats) { return counters{}; }};
}

TEST(Hints, ATurnIsHintedWhenItBeginsToWait) {
  world w{{.device_chunks = 4}};
  std::vector<std::size_t> turns;
  caf::anon_send(w.scheduler, atom::attach_v, w.system.spawn(hint_listener, &turns));
  w.say("runs", "hello", 200);
  for (int n = 0; n < 100; ++n) w.step();
  w.say("waits", many(8));
  turns.clear();
  w.run();
  EXPECT_THAT(turns, testing::Contains(1u));
}

/// Conversations, one after the other. Who answers in one word comes back in a minute and goes then, the
/// others never come back. The share of a return's tokens that came from host memory.
double from_host_on_return(caf::timespan idle_pause) {
  using std::chrono::seconds;
  world w{{.device_chunks = 4,
           .host_chunks = 6,
           .disk_chunks = 400,
           .context = 192,
           .policy = "predictive",
           .idle_pause = idle_pause}};
  auto pass = [&](int s) {
    for (; s > 0; --s) {
      w.scheduler_thread.advance_time(seconds{1});
      while (w.step()) {
      }
    }
  };
  auto talk = [&](const std::string& name, const std::string& text, std::uint32_t answer_tokens) {
    auto id = w.say(name, text, answer_tokens);
    for (int n = 0; n < 100 && !w.outcome(id).done; ++n) pass(1);
    EXPECT_TRUE(w.outcome(id).done);
    return w.outcome(id).statistics;
  };
  std::uint64_t from_host = 0, reusable = 0;
  for (int i = 0; i < 36; ++i) {
    auto name = "returns-" + std::to_string(i);
    auto first = talk(name, name + many(1), 4);
    for (int other = 0; other < 4; ++other) {
      pass(15);
      talk("leaves-" + std::to_string(4 * i + other), std::to_string(4 * i + other) + many(1), 60);
    }
    auto again = talk(name, "Thank you.", 4);
    if (i < 18) continue;  // it learns
    from_host += tokens_from(again.hits, "host");
    reusable += first.prompt_tokens;
  }
  return static_cast<double>(from_host) / static_cast<double>(reusable);
}

TEST(Prefetcher, RaisesAConversationThatIsLikelyToReturnBeforeItDoes) {
  auto without = from_host_on_return({}), with = from_host_on_return(std::chrono::seconds{1});
  std::printf("from host memory: %.2f, with a look ahead %.2f\n", without, with);
  EXPECT_GT(with, without + 0.1);
}

}  // namespace
}  // namespace chromatin::test
