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

TEST(Prefetcher, LooksForNobodyWhileTurnsWait) {
  world w;
  idle_tier_state idle;  // nothing is under way: it has nothing
  auto tier = w.system.spawn(idle_tier, &idle);
  auto prefetcher =
      w.system.spawn(chromatin::prefetcher, w.geometry.layers, 7u, caf::timespan{std::chrono::seconds{1}});
  caf::anon_send(prefetcher, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(tier));
  auto pass = [&](hints next) {
    caf::anon_send(prefetcher, atom::hint_v, std::move(next));
    for (int i = 0; i < 4; ++i) {
      w.drain();
      w.scheduler_thread.advance_time(std::chrono::seconds{1});
    }
    w.drain();
    return std::exchange(idle.looks, 0);
  };
  EXPECT_EQ(pass(waiting(1, 3)), 0);
  EXPECT_GT(pass({}), 0);
  caf::anon_send_exit(prefetcher, caf::exit_reason::user_shutdown);
  w.drain();
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

/// A conversation begins every quarter of a minute. Its user is back after two and a half minutes, when memory has been
/// full of others' for long, and then goes. Of those who come back, how many wait for the disk.
double wait_for_the_disk(caf::timespan idle_pause) {
  world w{{.device_chunks = 2,
           .host_chunks = 7,
           .disk_chunks = 400,
           .context = 192,
           .policy = "predictive",
           .idle_pause = idle_pause}};
  auto rest = [&] {
    while (w.step()) {
    }
  };
  auto talk = [&](int who, const std::string& text, std::uint32_t answer_tokens) {
    auto id = w.say(std::to_string(who), text, answer_tokens);
    rest();
    EXPECT_TRUE(w.outcome(id).done);
  };
  auto pass = [&](int seconds) {
    for (; seconds > 0; --seconds) {
      w.scheduler_thread.advance_time(std::chrono::seconds{1});
      rest();
    }
  };
  constexpr int learning = 40, conversations = 80, away = 10;
  int wait = 0;
  for (int who = 0; who < conversations; ++who, pass(15)) {
    talk(who, std::to_string(who) + many(1), 4);
    if (who < away) continue;
    auto before = w.counter_now(w.disk, "hit_chunks");
    talk(who - away, "Thank you.", 60);
    if (who >= learning) wait += w.counter_now(w.disk, "hit_chunks") > before;
  }
  return static_cast<double>(wait) / (conversations - learning);
}

TEST(Prefetcher, RaisesAConversationThatIsLikelyToReturnBeforeItDoes) {
  auto without = wait_for_the_disk({}), with = wait_for_the_disk(std::chrono::seconds{1});
  std::printf("wait for the disk: %.2f, with a look ahead %.2f\n", without, with);
  EXPECT_GT(without, 0.2);
  EXPECT_EQ(with, 0);
}

}  // namespace
}  // namespace chromatin::test
