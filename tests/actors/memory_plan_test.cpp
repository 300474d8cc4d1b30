// What tiers get of machines' memory.

#include "actors/memory_plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin::test {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t mib = std::uint64_t{1} << 20, gib = std::uint64_t{1} << 30;

/// A model of 1 GiB whose window of 4,096 tokens is 128 MiB.
memory_needs of_one_billion() {
  return {.weight_bytes = gib, .chunk_bytes = 2 * mib, .window_bytes = 128 * mib, .batch_max = 16};
}

TEST(MemoryPlan, AMachineWithRoomGivesEveryTurnOfABatchItsWindowAndKeepsManyWarm) {
  const auto plan = plan_memory({256 * gib, 250 * gib}, of_one_billion());
  EXPECT_EQ(plan.device_bytes, 16 * 128 * mib);
  EXPECT_EQ(plan.host_bytes, 64 * 128 * mib) << "and no more than that";
  EXPECT_THAT(plan.notice, HasSubstr("1.0 GiB of weights, --device-mem 2.0 GiB, --host-mem 8.0 GiB (64 full windows"));
  EXPECT_EQ(plan.batch, 16u);
}

TEST(MemoryPlan, ABatchHasNoMoreTurnsThanFindRoomForSomeTokens) {
  auto needs = of_one_billion();
  needs.device_bytes = 40 * mib;
  EXPECT_EQ(plan_memory({8 * gib, 5 * gib}, needs).batch, 10u) << "two chunks of 2 MiB each";
  needs.device_bytes = 2 * mib;
  EXPECT_EQ(plan_memory({8 * gib, 5 * gib}, needs).batch, 1u);
  needs.batch = 12;
  EXPECT_EQ(plan_memory({8 * gib, 5 * gib}, needs).batch, 12u) << "as somebody said";
}

TEST(MemoryPlan, WhatLiesInADevicesOwnMemoryIsToldAndTakesNothingOfTheMachines) {
  auto needs = of_one_billion();
  needs.weight_bytes = 60 * gib;
  needs.device = "a device";
  needs.device_bytes = 10 * gib;
  needs.batch_max = 64;
  const auto plan = plan_memory({64 * gib, 60 * gib}, needs);
  EXPECT_EQ(plan.device_bytes, 10 * gib);
  EXPECT_EQ(plan.host_bytes, 64 * 128 * mib);
  EXPECT_EQ(plan.batch, 64u);
  EXPECT_EQ(plan.notice,
            "memory: 60.0 GiB of weights, --device-mem 10.0 GiB in a device; --host-mem 8.0 GiB (64 full windows stay "
            "warm), of 60.0 GiB that are free; --batch 64");
}

TEST(MemoryPlan, ASmallerOneIsSharedSoThatHalfOfWhatIsLeftStaysFree) {
  const auto plan = plan_memory({8 * gib, 5 * gib}, of_one_billion());
  const auto left = 5 * gib - gib - 512 * mib;
  EXPECT_EQ(plan.device_bytes, left / 4 / (2 * mib) * (2 * mib));
  EXPECT_EQ(plan.host_bytes, plan.device_bytes);
}

TEST(MemoryPlan, ALongWindowMayTakeHalfAndIsShortenedBeyondThat) {
  auto needs = of_one_billion();
  needs.window_bytes = 3 * gib;
  EXPECT_EQ(plan_memory({16 * gib, 8 * gib}, needs).device_bytes, 3 * gib);
  needs.window_bytes = 30 * gib;
  EXPECT_EQ(plan_memory({16 * gib, 8 * gib}, needs).device_bytes, 3 * gib) << "half of 6 GiB";
}

TEST(MemoryPlan, WhatSomebodySaidStaysAndLeavesLessToOthers) {
  auto needs = of_one_billion();
  needs.device_bytes = 3 * gib;
  const auto plan = plan_memory({8 * gib, 5 * gib}, needs);
  EXPECT_EQ(plan.device_bytes, 3 * gib);
  EXPECT_EQ(plan.host_bytes, 128 * mib) << "a quarter of what is left";
  needs.host_bytes = 5 * mib;
  EXPECT_EQ(plan_memory({8 * gib, 5 * gib}, needs).host_bytes, 5 * mib);
}

TEST(MemoryPlan, WhereNothingIsLeftTheLeastIsTakenAndTheLineSaysSo) {
  const auto plan = plan_memory({2 * gib, gib}, of_one_billion());
  EXPECT_EQ(plan.device_bytes, 64 * mib);
  EXPECT_EQ(plan.host_bytes, 64 * mib);
  EXPECT_THAT(plan.notice, HasSubstr("too little"));
  auto tiny = of_one_billion();
  tiny.window_bytes = mib;
  EXPECT_EQ(plan_memory({2 * gib, gib}, tiny).device_bytes, 2 * mib) << "a whole chunk";
}

TEST(MemoryPlan, TheMachineTellsWhatItHas) {
  const auto machine = machine_memory();
  EXPECT_GT(machine.total_bytes, 0u);
  EXPECT_LE(machine.free_bytes, machine.total_bytes);
}

}  // namespace
}  // namespace chromatin::test
