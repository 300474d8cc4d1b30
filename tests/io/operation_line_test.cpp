// The line before a device, and what the kernel's answers mean: pure logic.

#include "io/operation_line.hpp"

#include <cerrno>
#include <map>
#include <random>
#include <set>

#include <gtest/gtest.h>

namespace chromatin::io {
namespace {

using enum urgency;

operation op(operation_id id, urgency wanted) { return {.id = id, .wanted = wanted}; }

/// Takes the next operation and ends it at once; 0 when there is none.
operation_id take(operation_line& line) {
  auto chosen = line.next();
  if (!chosen) return 0;
  if (!chosen->cancelled) line.over(chosen->op.wanted);
  return chosen->op.id;
}

TEST(OperationLine, TheMoreUrgentGoesFirstAndEqualsInOrder) {
  operation_line line{8};
  line.add(op(1, saving));
  line.add(op(2, ahead_of_need));
  line.add(op(3, turn_waits));
  line.add(op(4, ahead_of_need));
  line.add(op(5, turn_waits));
  for (operation_id id : {3, 5, 2, 4, 1, 0}) EXPECT_EQ(take(line), id);
  EXPECT_TRUE(line.idle());
}

TEST(OperationLine, NoMoreRunThanTheKernelShouldHaveAndUrgentReadsFindRoom) {
  operation_line line{8};
  operation_id id = 0;
  for (int i = 0; i < 20; ++i)
    for (auto wanted : {saving, ahead_of_need}) line.add(op(++id, wanted));
  std::map<urgency, int> running;
  while (auto chosen = line.next()) ++running[chosen->op.wanted];
  EXPECT_EQ(running[ahead_of_need], 4);
  EXPECT_EQ(running[saving], 2);
  for (int i = 0; i < 20; ++i) line.add(op(++id, turn_waits));
  while (auto chosen = line.next()) ++running[chosen->op.wanted];
  EXPECT_EQ(running[turn_waits], 2);
  EXPECT_EQ(line.running(), 8u);
  line.over(saving);
  auto chosen = line.next();
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->op.wanted, turn_waits);
  EXPECT_FALSE(line.next());
}

TEST(OperationLine, SavingAndPrefetchingAreNotStarvedByEndlessUrgentReads) {
  operation_line line{1};
  operation_id id = 0;
  std::map<urgency, int> done;
  line.add(op(++id, saving));
  line.add(op(++id, ahead_of_need));
  for (int i = 0; i < 64; ++i) {
    line.add(op(++id, turn_waits));
    auto chosen = line.next();
    ASSERT_TRUE(chosen);
    ++done[chosen->op.wanted];
    if (chosen->op.wanted != turn_waits) line.add(op(++id, chosen->op.wanted));
    line.over(chosen->op.wanted);
  }
  EXPECT_GE(done[saving], 3);
  EXPECT_GE(done[ahead_of_need], 3);
  EXPECT_LE(done[saving] + done[ahead_of_need], 8);
}

TEST(OperationLine, ACancelledOperationComesOutAtOnceWhateverRuns) {
  operation_line line{1};
  line.add(op(1, turn_waits));
  ASSERT_TRUE(line.next());
  line.add(op(2, turn_waits));
  line.add(op(3, saving));
  EXPECT_FALSE(line.cancel(1)) << "it runs";
  EXPECT_TRUE(line.cancel(3));
  EXPECT_FALSE(line.cancel(3)) << "once";
  EXPECT_FALSE(line.cancel(7)) << "never heard of";
  EXPECT_FALSE(line.idle());
  auto chosen = line.next();
  ASSERT_TRUE(chosen);
  EXPECT_EQ(chosen->op.id, 3u);
  EXPECT_TRUE(chosen->cancelled);
  EXPECT_FALSE(line.next()) << "one runs, and one may";
  line.over(turn_waits);
  EXPECT_EQ(take(line), 2u);
  EXPECT_TRUE(line.idle());
}

TEST(OperationLine, WhatMustGoOnceMoreIsFirstInItsLine) {
  operation_line line{1};
  line.add(op(1, ahead_of_need));
  line.add(op(2, ahead_of_need));
  auto first = line.next();
  line.again(std::move(first->op));
  EXPECT_EQ(line.running(), 0u);
  EXPECT_EQ(take(line), 1u);
  EXPECT_EQ(take(line), 2u);
}

TEST(OperationLine, EveryOperationComesOutOnceInAnyOrderOfEvents) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    operation_line line{static_cast<std::uint32_t>(1 + random() % 9)};
    operation_id added = 0;
    std::multiset<operation_id> out;
    std::vector<operation> running;
    auto end_one = [&] {
      auto at = running.begin() + static_cast<std::ptrdiff_t>(random() % running.size());
      line.over(at->wanted);
      running.erase(at);
    };
    for (int step = 0; step < 2000; ++step) {
      switch (random() % 4) {
        case 0:
          line.add(op(++added, static_cast<urgency>(random() % 3)));
          break;
        case 1:
          if (added > 0) line.cancel(1 + random() % added);
          break;
        case 2:
          if (auto chosen = line.next()) {
            out.insert(chosen->op.id);
            if (!chosen->cancelled) running.push_back(std::move(chosen->op));
          }
          break;
        case 3:
          if (!running.empty()) end_one();
      }
      ASSERT_EQ(line.running(), running.size());
      ASSERT_LE(running.size(), line.running_max());
    }
    while (!line.idle()) {
      while (auto chosen = line.next()) {
        out.insert(chosen->op.id);
        if (!chosen->cancelled) running.push_back(std::move(chosen->op));
      }
      if (!running.empty()) end_one();
    }
    ASSERT_EQ(out.size(), added);
    for (operation_id id = 1; id <= added; ++id) ASSERT_EQ(out.count(id), 1u);
  }
}

// -- the kernel's answers --

operation transfer(std::byte* data, std::size_t size) {
  return {.id = 1, .what = operation::kind::read, .where = {0, 8192}, .data = data, .size_bytes = size};
}

TEST(Judge, ASignalOrAShortageMeansTheSameOnceMore) {
  std::byte data[4 * 4096];
  for (int error : {EINTR, EAGAIN}) {
    auto o = transfer(data, 8192);
    EXPECT_TRUE(judge(o, -error).again);
    EXPECT_EQ(o.data, data);
    EXPECT_EQ(o.size_bytes, 8192u);
  }
}

TEST(Judge, AShortageWithoutEndIsAnError) {
  std::byte data[4 * 4096];
  auto o = transfer(data, 8192);
  std::uint32_t times = 0;
  while (judge(o, -EAGAIN).again) ASSERT_LT(++times, 1000u);
  EXPECT_EQ(judge(o, -EAGAIN).error, EAGAIN);
}

TEST(Judge, ShortTransfersGoOnBehindTheLastWholeBlock) {
  std::byte data[4 * 4096];
  auto o = transfer(data, 4 * 4096);
  EXPECT_TRUE(judge(o, 4096 + 512).again);
  EXPECT_EQ(o.data, data + 4096);
  EXPECT_EQ(o.where.offset_bytes, 8192u + 4096u);
  EXPECT_EQ(o.size_bytes, 3 * 4096u);
  auto end = judge(o, 3 * 4096);
  EXPECT_FALSE(end.again);
  EXPECT_EQ(end.error, 0);
}

TEST(Judge, AFileThatEndsInsideABlockIsAnErrorAndNotTheSameReadForEver) {
  std::byte data[4 * 4096];
  for (std::int64_t moved : {0, 512, 4095}) {
    auto o = transfer(data, 8192);
    auto end = judge(o, moved);
    EXPECT_FALSE(end.again) << moved;
    EXPECT_EQ(end.error, EIO) << moved;
  }
}

TEST(Judge, EveryOtherErrorIsHandedOn) {
  std::byte data[4 * 4096];
  for (int error : {EIO, ENOSPC, EBADF, EINVAL, EFAULT, ECANCELED, EBUSY, ENOMEM}) {
    auto o = transfer(data, 8192);
    auto end = judge(o, -error);
    EXPECT_FALSE(end.again);
    EXPECT_EQ(end.error, error);
  }
}

TEST(Judge, ASyncMovesNothingAndIsDone) {
  operation o{.id = 1, .what = operation::kind::sync};
  auto end = judge(o, 0);
  EXPECT_FALSE(end.again);
  EXPECT_EQ(end.error, 0);
}

}  // namespace
}  // namespace chromatin::io
