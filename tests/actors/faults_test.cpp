// Faults change nothing but time: every turn ends with the tokens of the fault-free run.

#include <random>

#include "tests/actors/world.hpp"

namespace chromatin::test {
namespace {

const std::string flight_text =
    "Please find me a one way flight from San Francisco to Seattle on the tenth of March, economy class, for three "
    "people, and a "
    "hotel near the centre with a pool and free wireless for four nights, as well as somebody who can look after the "
    "garden.";

world_options tight(std::uint64_t seed = 1) {
  return {.device_chunks = 8, .host_chunks = 10, .disk_chunks = 256, .shuffle_seed = seed};
}

/// Plays with `fault` called before each turn; the answers.
std::vector<std::string> play_with(world& w, const std::function<void(int)>& fault = {}) {
  return test::play(w, flight_text, 0, 20, fault);
}

std::vector<std::string> faultless() {
  static const auto answers = [] {
    world w{tight()};
    return play_with(w);
  }();
  return answers;
}

TEST(Faults, ChecksumMismatchIsAMissAndTheChunkIsQuarantined) {
  world w{tight()};
  auto answers = play_with(w, [&](int i) {
    if (i % 3 != 2) return;
    for (std::uint32_t slot = 0; slot < 40; ++slot)
      w.on->medium->spoil(w.store->layout().at(slot, (slot % 3) * w.geometry.slice_bytes()));
  });
  EXPECT_EQ(answers, faultless());
  EXPECT_GT(w.counter(w.disk, "corrupt_chunks"), 0);
}

TEST(Faults, ABitThatFlipsInHostMemoryIsAMiss) {
  auto shape = tight();
  shape.disk = false;
  shape.host_chunks = 64;
  world w{shape};
  auto memory = w.host_arena->memory();
  auto answers = play_with(w, [&](int i) {
    if (i % 3 != 2) return;
    for (std::uint32_t page = 0; page < shape.host_chunks; ++page)
      memory[page * w.geometry.chunk_bytes() + (page % 3) * w.geometry.slice_bytes()] ^= std::byte{1};
  });
  EXPECT_EQ(answers, faultless());
  EXPECT_GT(w.counter(w.host, "corrupt_chunks"), 0);
}

TEST(Faults, WhatWasFoundDamagedInHostMemoryIsSavedAnew) {
  world w{{.device_chunks = 8, .host_chunks = 256, .disk = false}};
  auto others = [&, n = 0]() mutable {
    for (int i = 0; i < 4; ++i, ++n) w.talk("o" + std::to_string(n), std::to_string(n) + flight_text);
  };
  w.talk("c", flight_text);
  others();
  auto memory = w.host_arena->memory();
  for (std::uint32_t page = 0; page < w.options.host_chunks; ++page)
    memory[page * w.geometry.chunk_bytes()] ^= std::byte{1};
  turn_statistics last;
  for (int turn = 0; turn < 6; ++turn) {  // each finds one of its chunks damaged
    last = w.talk("c", "And?");
    others();
  }
  EXPECT_GT(tokens_from(last.hits, "host"), 64u);
}

TEST(Faults, ReadErrorsAreMisses) {
  world w{tight()};
  EXPECT_EQ(play_with(w,
                      [&](int i) {
                        if (i % 2) w.on->disk_dice->strike_next(io::fault::read_error);
                      }),
            faultless());
  EXPECT_GT(w.counter(w.disk, "read_errors"), 0);
}

TEST(Faults, WriteAndSyncErrorsLoseOnlyReuse) {
  world w{tight()};
  auto answers = play_with(w, [&](int i) {
    if (i % 4 == 1) w.on->disk_dice->strike_next(io::fault::no_space, 2);
    if (i % 4 == 3) w.on->disk_dice->strike_next(io::fault::sync_error);
  });
  EXPECT_EQ(answers, faultless());
  EXPECT_GT(w.counter(w.disk, "write_errors"), 0);
  EXPECT_GT(w.counter(w.disk, "refused_chunks"), 0);
}

TEST(Faults, ALoadPastItsDeadlineIsRecomputedAndTheLateAnswerDropped) {
  auto options = tight();
  options.host_chunks = 40;  // saves that the stalled disk does not acknowledge must fit somewhere
  world w{options};
  auto answers = play_with(w, [&](int i) { w.disk_stalled = i >= 10 && i < 14; });
  EXPECT_EQ(answers, faultless());
}

TEST(Faults, AStalledDiskDelaysNoTurnBeyondItsDeadline) {
  world w{tight()};
  play_with(w);
  w.disk_stalled = true;
  auto begin = w.system.clock().now();
  auto id = w.say("c0", "Are you still there?");
  w.run();
  EXPECT_EQ(w.outcome(id).error, "");
  EXPECT_LT(w.system.clock().now() - begin, std::chrono::seconds{2});
  w.disk_stalled = false;
  w.run();
}

TEST(Faults, AFullDiskEvictsItsOldest) {
  auto options = tight();
  options.disk_chunks = 12;
  world w{options};
  EXPECT_EQ(play_with(w), faultless());
  EXPECT_GT(w.counter(w.disk, "evicted_chunks"), 0);
}

TEST(Faults, TheHostTierDiesAndComesBack) {
  world w{tight()};
  auto answers = play_with(w, [&](int i) {
    if (i == 7) {
      w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.host));
      caf::anon_send(w.device, atom::detach_v);
      caf::anon_send(w.prefetcher, atom::detach_v);
    }
    if (i == 12) w.spawn_host();
  });
  EXPECT_EQ(answers, faultless());
}

TEST(Faults, TheDiskTierDiesWhileItWorksAndFindsItsChunksAgain) {
  world w{tight()};
  auto answers = play_with(w, [&](int i) {
    if (i == 7) {
      w.say("c4", "hello");  // something is under way
      for (int n = 0; n < 60; ++n) w.scheduler_thread.try_run_once();
      w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.disk));
      caf::anon_send(w.host, atom::detach_v);
      w.run();
    }
    if (i == 12) {
      w.spawn_disk(w.store->load());
      caf::anon_send(w.host, atom::attach_v, caf::actor_cast<caf::strong_actor_ptr>(w.disk));
    }
  });
  // The extra turn changed conversation c4 from then on; all others are as they were.
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (i % 5 != 4 || i < 7) {
      EXPECT_EQ(answers[i], faultless()[i]) << i;
    }
  EXPECT_GT(w.counter(w.disk, "hit_chunks"), 0);
}

TEST(Faults, ATierThatDiesUnannouncedIsAMiss) {
  world w{tight()};
  auto answers = play_with(w, [&](int i) {
    if (i == 9) w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.disk));  // nobody tells the host
    if (i == 14) w.kill(caf::actor_cast<caf::strong_actor_ptr>(w.host));
  });
  EXPECT_EQ(answers, faultless());
}

TEST(Faults, AfterAPowerCutEveryAcknowledgedChunkIsRightOrAbsent) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    world w{tight(seed)};
    std::mt19937_64 random{seed};
    auto answers = play_with(w, [&](int i) {
      if (i != 10) return;
      w.say("c0", "hello");  // saves are under way when the power goes
      auto steps = random() % 400;
      for (std::uint64_t n = 0; n < steps; ++n)
        if (!w.scheduler_thread.try_run_once() && !w.poll_disk(1)) break;
      w.disk_device->power_cut();
      for (const auto& tier :
           {caf::actor_cast<caf::strong_actor_ptr>(w.disk), caf::actor_cast<caf::strong_actor_ptr>(w.host)})
        w.kill(tier);
      caf::anon_send(w.device, atom::detach_v);
      w.run();
      w.spawn_disk(w.store->load());
      w.spawn_host();
    });
    for (std::size_t i = 0; i < answers.size(); ++i)
      if (i % 5 != 0 || i < 10) {
        ASSERT_EQ(answers[i], faultless()[i]) << i;
      }
    EXPECT_EQ(w.counter(w.disk, "corrupt_chunks"), 0);  // data was durable before its row
  }
}

}  // namespace
}  // namespace chromatin::test
