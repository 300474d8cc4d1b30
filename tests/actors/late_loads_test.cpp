// What would be there later than it is computed is not read, and is taken back if it was ordered ahead of need.

#include <gtest/gtest.h>

#include "tests/actors/disk_world.hpp"
#include "tests/actors/idle_tier.hpp"

namespace chromatin::test {
namespace {

using io::urgency;

class LateLoads : public disk_world {
 protected:
  /// Chunks 1 to 10 and a device that is known to take 100 ms for each.
  void begin() {
    start(16);
    save_chain(1, 11);
    for (int i = 0; i < 30; ++i) {
      fetch({{key(11), 64}});
      messages();
      coordinator_.advance_time(std::chrono::milliseconds{100});
      run();
    }
  }
  std::vector<kv::link> chain(std::uint64_t first, std::uint64_t last) {
    std::vector<kv::link> links;
    for (auto n = first; n <= last; ++n) links.push_back({key(n), 64});
    return links;
  }
  order fetch_for(std::vector<kv::link> links, urgency wanted, const kv::recompute_cost& cost) {
    auto o = fetch(std::move(links), wanted, std::chrono::hours{1}, cost);
    messages();
    return o;
  }
};

TEST_F(LateLoads, AChunkThatWouldComeTooLateIsNotRead) {
  begin();
  auto before = counter("bytes_read");
  fetch_for(chain(1, 10), urgency::ahead_of_need, {.us_per_token = 100, .beside_tokens = 0});
  run();
  EXPECT_EQ(promised_, 0u) << "the turn starts at once";
  EXPECT_EQ(counter("bytes_read"), before);
  fetch_for(chain(1, 10), urgency::ahead_of_need, {.us_per_token = 100, .starts_in_us = 350'000, .beside_tokens = 0});
  run();
  EXPECT_EQ(promised_, 3u);
  EXPECT_EQ(counter("bytes_read"), before + 3 * static_cast<std::int64_t>(page_shape.chunk_bytes()));
}

TEST_F(LateLoads, ATurnCountsWhatTheDeviceReadsBeforeItsChunks) {
  begin();
  kv::recompute_cost cost{.us_per_token = 1000};  // 64 ms a chunk
  auto o = fetch_for(chain(3, 10), urgency::turn_waits, cost);
  EXPECT_EQ(promised_, 3u) << "300 ms, while five are computed";
  caf::anon_send(disk_, atom::cancel_v, o.id);
  run();
  fetch_for(chain(1, 2), urgency::ahead_of_need, {});
  fetch_for(chain(3, 10), urgency::turn_waits, cost);
  EXPECT_EQ(promised_, 2u) << "400 ms, with the two before them";
}

TEST_F(LateLoads, WhatIsOnItsWayIsJoinedIfItComesSoonerThanItIsComputed) {
  begin();
  auto o = fetch_for(chain(1, 4), urgency::ahead_of_need, {});
  auto joins = [&](double us_per_token) {
    ask({.id = new_ticket(),
         .links = {},
         .into = {},
         .deadline = std::chrono::hours{1},
         .recompute = {.us_per_token = us_per_token},
         .joins = {o.id},
         .joined_tokens = 4 * 64});
    messages();
    return joins_;
  };
  EXPECT_FALSE(joins(1000)) << "256 ms in place of 400";
  EXPECT_TRUE(joins(2000)) << "512 ms in place of 400";
  run();
  EXPECT_TRUE(joins(1000)) << "it is there";
}

TEST_F(LateLoads, WhatStandsBehindAChunkCountsWithIt) {
  begin();
  auto promised = [&](std::vector<std::uint32_t> brings_tokens) {
    ask({.id = new_ticket(),
         .links = chain(1, 1),
         .into = {arena_->try_allocate()},
         .deadline = std::chrono::hours{1},
         .recompute = {.us_per_token = 1000, .head_tokens = 5 * 64, .beside_tokens = 0},
         .brings_tokens = std::move(brings_tokens)});
    messages();
    run();
    return promised_;
  };
  EXPECT_EQ(promised({}), 0u) << "100 ms in place of 64, and of no use without the rest";
  EXPECT_EQ(promised({5 * 64}), 1u) << "100 ms in place of 320";
}

TEST(LateLoad, AGapIsFilledThoughTheChunksBehindItAreThere) {
  world w;
  idle_tier_state below{.promises = true};
  caf::anon_send(w.host, atom::attach_v, erased(w.system.spawn(idle_tier, &below)));
  auto fetch = [&](std::vector<kv::link> links) {
    w.system.spawn([&w, links](caf::event_based_actor* self) {
      self->request(
              w.host, caf::infinite, atom::fetch_v,
              fetch_order{new_ticket(), links, {}, std::chrono::hours{1}, urgency::ahead_of_need, {.head_tokens = 200}},
              caf::actor_cast<layer_sink_actor>(w.prefetcher))
          .then([](const fetch_started&) {});
    });
    w.drain();
  };
  fetch({{key(1), 64}});
  fetch({{key(3), 64}, {key(4), 8}});
  fetch({{key(1), 64}, {key(2), 64}, {key(3), 64}, {key(4), 8}});
  EXPECT_EQ(below.cost.head_tokens, 136u) << "without what stands before the gap";
  EXPECT_EQ(below.brings_tokens, std::vector<std::uint32_t>{136});
}

/// A turn's order for what is on its way ahead of need, and comes in time or not.
std::int64_t taken_back_if(bool in_time) {
  world w;
  idle_tier_state below{.promises = true};
  caf::anon_send(w.host, atom::attach_v, erased(w.system.spawn(idle_tier, &below)));
  std::vector<kv::link> links{{key(1), 64}, {key(2), 64}, {key(3), 64}};
  std::size_t promised = 0;
  auto fetch = [&](urgency wanted, const kv::recompute_cost& cost) {
    w.system.spawn([&, wanted, cost](caf::event_based_actor* self) {
      self->request(w.host, caf::infinite, atom::fetch_v,
                    fetch_order{new_ticket(), links, {}, std::chrono::hours{1}, wanted, cost},
                    caf::actor_cast<layer_sink_actor>(w.prefetcher))
          .then([&](const fetch_started& started) { promised = started.chunks.size(); });
    });
    w.drain();
  };
  fetch(urgency::ahead_of_need, {});
  EXPECT_EQ(promised, 3u);
  below.joins = in_time;
  fetch(urgency::turn_waits, {.us_per_token = 1});
  EXPECT_EQ(promised, in_time ? 3u : 0u);
  EXPECT_EQ(below.cancels, in_time ? 0 : 1);
  return w.counter(w.host, "taken_back_chunks");
}

TEST(LateLoad, IsTakenBackWhenItsTurnBegins) {
  EXPECT_EQ(taken_back_if(true), 0);
  EXPECT_EQ(taken_back_if(false), 3);
}

}  // namespace
}  // namespace chromatin::test
