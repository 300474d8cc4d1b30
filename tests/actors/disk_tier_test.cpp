// The disk tier alone, situation by situation.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/disk_world.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DiskTier : public disk_world {};

TEST_F(DiskTier, ATailCostsWhatItHolds) {
  start(4);
  save({make(1), make(2, 1, 10)});
  run();
  EXPECT_THAT(heard_.saved, UnorderedElementsAre(1, 2));
  auto whole = static_cast<std::int64_t>(page_shape.chunk_bytes()),
       tail = static_cast<std::int64_t>(page_shape.packed_bytes(10));
  ASSERT_LT(tail, whole);
  EXPECT_EQ(counter("bytes_written"), whole + tail);
  auto o = fetch({{key(1), 64}, {key(2), 10}});
  run();
  EXPECT_EQ(promised_, 2u);
  EXPECT_EQ(counter("bytes_read"), whole + tail);
  EXPECT_THAT(heard_.ready, ElementsAre(std::pair{o.id, 0u}, std::pair{o.id, 1u}));
  EXPECT_TRUE(holds(o.pages[0], 1));
  EXPECT_TRUE(holds(o.pages[1], 2, 10));
}

TEST_F(DiskTier, ALinkOfAnotherFillIsNotPromised) {
  start(4);
  save({make(1), make(2, 1, 10)});
  run();
  fetch({{key(1), 64}, {key(2), 11}});
  run();
  EXPECT_EQ(promised_, 1u);
}

TEST_F(DiskTier, WhatIsComputedSoonerThanItIsReadIsNotPromised) {
  start(16);
  save_chain(1, 11);
  std::vector<kv::link> chain;
  for (std::uint64_t n = 1; n <= 10; ++n) chain.push_back({key(n), 64});
  auto promised = [&](double us_per_token, io::urgency wanted = io::urgency::turn_waits) {
    fetch(chain, wanted, std::chrono::hours{1}, {us_per_token, 0});
    run();
    return promised_;
  };
  EXPECT_EQ(promised(100), 10u) << "a device that was not read yet is taken for a fast one";
  for (int i = 0; i < 30; ++i) {  // the device is known by now to take 100 ms a chunk
    fetch({{key(11), 64}});
    messages();
    coordinator_.advance_time(std::chrono::milliseconds{100});
    run();
  }
  EXPECT_EQ(promised(100), 0u);  // 6.4 ms a chunk
  EXPECT_EQ(counter("not_worth_reading_chunks"), 10);
  EXPECT_EQ(promised(10'000), 9u);  // 640 ms a chunk: nine are read while one is computed
  EXPECT_EQ(promised(0), 10u) << "nobody says what computing costs";
  coordinator_.advance_time(std::chrono::minutes{1});
  EXPECT_EQ(promised(1e-3), 0u);
  EXPECT_EQ(promised(1e-3, io::urgency::ahead_of_need), 1u) << "one chunk shows whether it is still as slow";
}

TEST_F(DiskTier, WhatThePolicyLearnedIsKeptForTheNextRun) {
  policy_ = {"predictive"};
  start(8);
  coordinator_.advance_time(std::chrono::minutes{2});
  save_chain(1, 3);
  EXPECT_FALSE(store_->learned("predictive").empty());
  auto policy = kv::make_policy(kv::policy_choice{"predictive", store_->learned("predictive")});
  EXPECT_FALSE(policy->learned().empty());
}

TEST_F(DiskTier, AChunkWithASpoiledByteIsAMissAndGoesWithItsSlot) {
  start(4);
  save({make(1), make(2, 1)});
  run();
  device_->spoil({0, page_shape.chunk_bytes() + page_shape.packed(1, 64).offset_bytes + 77});
  auto o = fetch({{key(1), 64}, {key(2), 64}});
  run();
  EXPECT_THAT(heard_.failed, ElementsAre(std::pair{o.id, 1u}));
  EXPECT_THAT(here(1, 2), ElementsAre(1));
  EXPECT_EQ(counter("corrupt_chunks"), 1);
  EXPECT_EQ(counter("used_bytes"), static_cast<std::int64_t>(page_shape.chunk_bytes()));
  EXPECT_EQ(store_->load().size(), 1u);
}

TEST_F(DiskTier, WhatIsErasedWhileItIsReadIsReadToTheEndAndThenGone) {
  start(1);
  save({make(1)});
  run();
  auto o = fetch({{key(1), 64}});
  messages();
  caf::anon_send(disk_, atom::erase_v, key_list{key(1)});
  messages();
  EXPECT_THAT(here(1, 1), IsEmpty());
  save({make(2)});
  run();
  EXPECT_EQ(heard_.ready.size(), page_shape.layers);
  EXPECT_TRUE(holds(o.pages[0], 1)) << "its slot was written while it was read";
  EXPECT_THAT(here(1, 2), ElementsAre(2));
  ASSERT_EQ(store_->load().size(), 1u);
}

TEST_F(DiskTier, WhatIsErasedOnItsWayLeavesNothing) {
  for (int steps = 0; steps < 6; ++steps) {
    start(2);
    heard_ = {};
    save({make(1)});
    messages();
    for (int i = 0; i < steps; ++i) device_->poll(1), messages();
    caf::anon_send(disk_, atom::erase_v, key_list{key(1)});
    run();
    EXPECT_EQ(heard_.saved.size() + heard_.refused.size(), 1u) << "who saves is told, after " << steps;
    EXPECT_THAT(here(1, 1), IsEmpty());
    EXPECT_EQ(counter("used_bytes"), 0);
    EXPECT_TRUE(store_->load().empty());
    caf::anon_send_exit(disk_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(catalog_, caf::exit_reason::user_shutdown);
    run();
    store_.reset();  // its lock
    disk_ = nullptr;
    catalog_ = nullptr;
  }
  start(2);
}

TEST_F(DiskTier, EveryoneWhoSavesAChunkHearsOfIt) {
  start(4);
  heard other;
  auto second = new_listener(other);
  save({make(1)});
  messages();
  caf::anon_send(disk_, atom::save_v, save_order{{make(1)}, 0, page_shape.layers, {}}, second);
  run();
  EXPECT_THAT(heard_.saved, ElementsAre(1));
  EXPECT_THAT(other.saved, ElementsAre(1));
  EXPECT_EQ(counter("stored_chunks"), 1);
  save({make(1)});
  run();
  EXPECT_THAT(heard_.saved, ElementsAre(1, 1)) << "also when it is safe already";
  caf::anon_send_exit(second, caf::exit_reason::user_shutdown);
}

TEST_F(DiskTier, ASaveWaitsForItsFenceAndWhatItFailsIsNotSaved) {
  start(4);
  gpu::fence_source first, second;
  save({make(1)}, first.get());
  save({make(2)}, second.get());
  run();
  EXPECT_EQ(counter("bytes_written"), 0);
  second.fail();
  run();
  EXPECT_THAT(heard_.refused, ElementsAre(2));
  first.pass();
  run();
  EXPECT_THAT(heard_.saved, ElementsAre(1));
}

TEST_F(DiskTier, WhatAFenceHasFailedBeforeTheOrderCameIsNotSaved) {
  start(4);
  gpu::fence_source fence;
  fence.fail();
  save({make(1)}, fence.get());
  run();
  EXPECT_THAT(heard_.refused, ElementsAre(1));
  EXPECT_EQ(counter("bytes_written"), 0);
}

TEST_F(DiskTier, AChunkWithoutChecksumsIsRefused) {
  start(4);
  auto c = make(1);
  c.checksums = nullptr;
  save({c});
  run();
  EXPECT_THAT(heard_.refused, ElementsAre(1));
}

TEST_F(DiskTier, OfAChainTheTailGoesBeforeTheHeadAlsoWhenItCameLater) {
  start(8);
  key_list chain{key(1), key(2), key(3), key(4)};
  save({make(1, 0), make(2, 1)});
  run();
  touch(chain);  // the turn is over; its last chunks are still on their way
  messages();
  save_chain(11, 2);
  save({make(3, 2), make(4, 3)});
  run();
  touch({key(11), key(12)});
  save_chain(21, 3);
  EXPECT_EQ(counter("evicted_chunks"), 1);
  EXPECT_THAT(here(1, 4), ElementsAre(1, 2, 3));
  auto rows = store_->load();
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.front().key, key(3)) << "the order survives a restart";
}

TEST_F(DiskTier, WhatIsRetiredGoesFirst) {
  start(4);
  save_chain(1, 2);
  save_chain(11, 1);
  caf::anon_send(disk_, atom::retire_v, key_list{key(11), key(21)});
  save({make(21)});
  messages();
  caf::anon_send(disk_, atom::retire_v, key_list{key(21)});  // on its way
  run();
  save_chain(31, 2);
  EXPECT_THAT(here(1, 40), ElementsAre(1, 2, 31, 32));
}

TEST_F(DiskTier, AnOrderThatATurnWaitsForOvertakesPrefetchesAndSaves) {
  start(40, 2);
  for (std::uint64_t n = 1; n <= 20; ++n) save({make(n)});
  run();
  std::vector<kv::link> many;
  for (std::uint64_t n = 1; n <= 18; ++n) many.push_back({key(n), 64});
  auto prefetch = fetch(many, io::urgency::ahead_of_need);
  auto hurried = fetch({{key(19), 64}}, io::urgency::ahead_of_need);
  messages();
  device_->poll(1);
  messages();
  auto urgent = fetch({{key(20), 64}});
  messages();
  caf::anon_send(disk_, atom::hurry_v, hurried.id);
  run();
  std::vector<ticket> ended;
  for (auto [id, layer] : heard_.ready)
    if (layer + 1 == page_shape.layers) ended.push_back(id);
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended.back(), prefetch.id);
}

TEST_F(DiskTier, ACancelledOrderIsTakenOutOfTheDevice) {
  start(40, 2);
  for (std::uint64_t n = 1; n <= 20; ++n) save({make(n)});
  run();
  std::vector<kv::link> many;
  for (std::uint64_t n = 1; n <= 20; ++n) many.push_back({key(n), 64});
  auto free = arena_->available();
  auto id = fetch(many).id;
  messages();
  caf::anon_send(disk_, atom::cancel_v, id);
  messages();
  int polls = 0;
  while (device_->poll(1)) ++polls;
  messages();
  EXPECT_LE(polls, 3);
  EXPECT_THAT(heard_.ready, IsEmpty());
  EXPECT_EQ(arena_->available(), free);
}

TEST_F(DiskTier, ChunksThatTwoOrdersWantAreReadOnce) {
  start(4);
  save({make(1), make(2, 1)});
  run();
  auto first = fetch({{key(1), 64}, {key(2), 64}}, io::urgency::ahead_of_need);
  messages();
  auto second = fetch({{key(1), 64}, {key(2), 64}});
  run();
  EXPECT_EQ(counter("bytes_read"), static_cast<std::int64_t>(2 * page_shape.chunk_bytes()));
  for (const auto& o : {first, second}) {
    EXPECT_TRUE(holds(o.pages[0], 1));
    EXPECT_TRUE(holds(o.pages[1], 2));
  }
}

TEST_F(DiskTier, APromiseComesBeforeLayersThatAreHereAlready) {
  start(4, 1);
  save({make(1)});
  run();
  auto first = fetch({{key(1), 64}});
  messages();
  device_->poll(1);
  messages();
  ASSERT_THAT(heard_.ready, ElementsAre(std::pair{first.id, 0u}));
  auto second = fetch({{key(1), 64}});
  run();
  EXPECT_TRUE(holds(second.pages[0], 1));
  EXPECT_EQ(heard_.ready.size(), 2 * page_shape.layers);
}

TEST_F(DiskTier, AnOrderPastItsDeadlineFails) {
  start(40, 1);
  for (std::uint64_t n = 1; n <= 20; ++n) save({make(n)});
  run();
  std::vector<kv::link> many;
  for (std::uint64_t n = 1; n <= 20; ++n) many.push_back({key(n), 64});
  auto o = fetch(many, io::urgency::turn_waits, std::chrono::milliseconds{10});
  messages();
  coordinator_.advance_time(std::chrono::milliseconds{11});
  run();
  ASSERT_EQ(heard_.failed.size(), 1u);
  EXPECT_EQ(heard_.failed[0].first, o.id);
  EXPECT_EQ(counter("late_orders"), 1);
  EXPECT_EQ(here(1, 20).size(), 20u) << "late is not damaged";
}

TEST_F(DiskTier, ADeviceThatFailsAgainAndAgainEndsTheTierWithThatReason) {
  faults_ = std::make_shared<io::fault_dice>(1);
  start(32);
  for (std::uint64_t n = 1; n <= 20; ++n) save({make(n)});
  run();
  std::string reason;
  auto watcher = system_.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->monitor(disk_);
    self->set_down_handler([&](const caf::down_msg& down) { reason = explain(down.reason); });
    return {[](int) {}};
  });
  for (std::uint64_t n = 1; n <= 12; ++n) {
    n % 3 == 0 ? faults_->lift() : faults_->strike_next(io::fault::read_error, 1000);
    fetch({{key(n), 64}});
    run();
  }
  EXPECT_EQ(reason, "") << "good reads came between";
  faults_->strike_next(io::fault::read_error, 1000);
  for (std::uint64_t n = 13; n <= 20; ++n) fetch({{key(n), 64}});
  run();
  EXPECT_EQ(reason, "store_failed: the device failed 8 reads in a row, the last with: Input/output error");
  caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown);
}

TEST_F(DiskTier, ADeviceThatDoesNotAnswerEndsTheTierWhenItIsAskedAgain) {
  start(32);
  save({make(1)});
  save({make(2)});
  run();
  auto ask_after = [&](caf::timespan pause) {
    fetch({{key(1), 64}});
    messages();
    coordinator_.advance_time(pause);
    fetch({{key(2), 64}});
    messages();
    return here(1, 1).size();
  };
  EXPECT_EQ(ask_after(std::chrono::seconds{9}), 1u);
  run();
  coordinator_.advance_time(std::chrono::minutes{1});
  EXPECT_EQ(ask_after(std::chrono::seconds{9}), 1u) << "nothing was asked of it meanwhile";
  EXPECT_EQ(ask_after(std::chrono::seconds{11}), 0u);
}

TEST_F(DiskTier, WhenTheCatalogueDiesTheTierEndsWithIt) {
  start(8);
  save_chain(1, 2);
  EXPECT_EQ(here(1, 2).size(), 2u);
  caf::anon_send_exit(catalog_, caf::exit_reason::kill);
  messages();
  EXPECT_EQ(here(1, 2).size(), 0u) << "it could save nothing more";
}

TEST_F(DiskTier, PagesStayWithTheDeviceWhenTheTierDies) {
  start(40, 2);
  for (std::uint64_t n = 1; n <= 4; ++n) save({make(n)});
  run();
  auto free = arena_->available();
  fetch({{key(1), 64}, {key(2), 64}, {key(3), 64}, {key(4), 64}});
  messages();
  device_->poll(1);  // one read ended, another is in the kernel
  caf::anon_send_exit(disk_, caf::exit_reason::kill);
  messages();
  EXPECT_LT(arena_->available(), free) << "the kernel may still write into a page";
  run();
  EXPECT_EQ(arena_->available(), free);
  EXPECT_LE(device_->counters().reads, 3) << "what had not begun is not begun any more";
  disk_ = system_.spawn(disk_tier, page_shape, disk_parts{device_, store_->layout(), catalog_}, store_->load());
  EXPECT_THAT(here(1, 4), ElementsAre(1, 2, 3, 4));
}

}  // namespace
}  // namespace chromatin::test
