// The disk tier looks at what it has without anybody asking.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/disk_world.hpp"

namespace chromatin::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

/// A tier that checks a chunk every two seconds.
class DiskScrub : public disk_world {
 protected:
  void start_scrubbed(std::uint32_t slots, std::uint32_t running_max = 64) {
    scrub_bytes_per_s_ = page_shape.chunk_bytes() / 2;
    start(slots, running_max);
    run();
  }
  void pass_time(std::chrono::seconds time) {
    for (; time > 0s; time -= 1s) {
      coordinator_.advance_time(1s);
      run();
    }
  }
  std::int64_t checked() { return counter("scrubbed_chunks"); }
};

TEST_F(DiskScrub, EveryChunkIsCheckedInSlotOrderAtThePaceThatWasAskedFor) {
  start_scrubbed(8);
  save_chain(1, 4);
  EXPECT_EQ(checked(), 0);
  pass_time(2s);
  EXPECT_EQ(checked(), 1);
  pass_time(2s);
  EXPECT_EQ(checked(), 2);
  pass_time(10s);
  EXPECT_EQ(checked(), 4);
  EXPECT_EQ(counter("scrubbed_bytes"), static_cast<std::int64_t>(4 * page_shape.chunk_bytes()));
  EXPECT_EQ(counter("scrub_passes"), 1);
  pass_time(580s);
  EXPECT_EQ(checked(), 4) << "a pass waits ten minutes for the next";
  pass_time(20s);
  EXPECT_EQ(checked(), 8);
  EXPECT_EQ(counter("scrub_damaged_chunks"), 0);
}

TEST_F(DiskScrub, ADamagedChunkIsDroppedBeforeAnybodyWantsIt) {
  start_scrubbed(8);
  save_chain(1, 3);
  device_->spoil({0, page_shape.chunk_bytes() + page_shape.packed(1, 64).offset_bytes + 77});
  pass_time(10s);
  EXPECT_THAT(here(1, 3), ElementsAre(1, 3));
  EXPECT_EQ(counter("scrub_damaged_chunks"), 1);
  EXPECT_EQ(counter("corrupt_chunks"), 0) << "no turn came upon it";
  EXPECT_EQ(counter("used_bytes"), static_cast<std::int64_t>(2 * page_shape.chunk_bytes())) << "and its slot is free";
  EXPECT_EQ(store_->load().size(), 2u);
}

TEST_F(DiskScrub, AChunkThatCannotBeReadIsDropped) {
  faults_ = std::make_shared<io::fault_dice>(1);
  start_scrubbed(8);
  save_chain(1, 2);
  faults_->strike_next(io::fault::read_error);
  pass_time(10s);
  EXPECT_THAT(here(1, 2), ElementsAre(2));
  EXPECT_EQ(counter("read_errors"), 1);
}

TEST_F(DiskScrub, WhatIsErasedWhileItIsCheckedIsGoneAfterwardsAndItsSlotIsFree) {
  start_scrubbed(1);
  save({make(1)});
  run();
  coordinator_.advance_time(1s);
  messages();  // the read of its first slice is in the device
  caf::anon_send(disk_, atom::erase_v, key_list{key(1)});
  messages();
  save({make(2)});
  run();
  EXPECT_THAT(here(1, 2), ElementsAre(2));
  EXPECT_EQ(counter("scrub_damaged_chunks"), 0);
}

TEST_F(DiskScrub, AReadThatATurnWaitsForGoesFirst) {
  start_scrubbed(8, 1);
  save_chain(1, 3);
  coordinator_.advance_time(1s);
  messages();
  auto o = fetch({{key(3), 64}});
  messages();
  device_->poll(1);
  messages();
  device_->poll(1);
  messages();
  EXPECT_EQ(heard_.ready.size(), 2u) << "both layers, though the scrub had asked before";
  EXPECT_EQ(checked(), 0);
  run();
  EXPECT_EQ(checked(), 1);
  EXPECT_TRUE(holds(o.pages[0], 3));
}

TEST_F(DiskScrub, WithoutAPaceNothingIsChecked) {
  start(8);
  save_chain(1, 3);
  pass_time(1300s);
  EXPECT_EQ(checked(), 0);
  EXPECT_EQ(counter("scrub_passes"), 0);
}

}  // namespace
}  // namespace chromatin::test
