// What every runtime does, a device's and the emulated one's.

#include <cstdint>
#include <future>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/gpu/cuda/runtimes.hpp"

namespace chromatin::gpu::cuda {
namespace {

using Runtime = on_each_runtime;
CHROMATIN_ON_EACH_RUNTIME(Runtime);

constexpr std::size_t count = 4096, buffer_bytes = count * sizeof(int);

TEST_P(Runtime, SaysWhatTheDeviceIs) {
  EXPECT_FALSE(device->properties().name.empty());
  EXPECT_GT(device->properties().multiprocessors, 0u);
  EXPECT_GE(device->properties().memory_bytes, device->free_bytes());
  EXPECT_GE(device->properties().shared_bytes_max, std::size_t{48} << 10);
}

TEST_P(Runtime, MemoryIsAlignedAndCounted) {
  auto before = device->free_bytes();
  auto in_device = device->allocate(std::size_t{64} << 20);
  auto in_host = device->pinned(buffer_bytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(in_device.data.get()) % 4096, 0u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(in_host.data.get()) % 4096, 0u);
  EXPECT_LT(device->free_bytes(), before);
}

TEST_P(Runtime, MoreMemoryThanThereIsIsBadAlloc) {
  EXPECT_THROW(device->allocate(device->properties().memory_bytes * 2), std::bad_alloc);
  EXPECT_EQ(device->error(), "");
  EXPECT_NO_THROW(device->allocate(buffer_bytes));
}

TEST_P(Runtime, CopiesOfAStreamRunInTheirOrder) {
  auto ones = pinned_values(*device, count, 1), twos = pinned_values(*device, count, 2);
  auto first = pinned_values(*device, count, 0), second = pinned_values(*device, count, 0);
  auto there = device_values<int>(*device, count);
  device->copy(s, there.data(), ones.data(), buffer_bytes);
  device->copy(s, first.data(), there.data(), buffer_bytes);
  device->copy(s, there.data(), twos.data(), buffer_bytes);
  device->copy(s, second.data(), there.data(), buffer_bytes);
  ASSERT_TRUE(device->synchronize(s));
  EXPECT_EQ(first[count - 1], 1);
  EXPECT_EQ(second[0], 2);
}

TEST_P(Runtime, RowsKeepTheirStrides) {
  constexpr std::size_t rows = 3, from_stride = 100, to_stride = 7, width = 5;
  auto source = pinned_values(*device, rows * from_stride, 0), target = pinned_values(*device, rows * to_stride, -1);
  std::iota(source.data(), source.data() + rows * from_stride, 0);
  auto there = device_values<int>(*device, rows * width);
  device->copy_rows(s, there.data(), width * sizeof(int), source.data(), from_stride * sizeof(int), width * sizeof(int),
                    rows);
  device->copy_rows(s, target.data(), to_stride * sizeof(int), there.data(), width * sizeof(int), width * sizeof(int),
                    rows);
  ASSERT_TRUE(device->synchronize(s));
  EXPECT_EQ(std::vector<int>(target.data(), target.data() + 9), (std::vector{0, 1, 2, 3, 4, -1, -1, 100, 101}));
  EXPECT_EQ(target[2 * to_stride + 4], 204);
  EXPECT_EQ(target[2 * to_stride + 5], -1);
}

TEST_P(Runtime, ManyCopiesAllArriveAndWhatComesAfterThemSeesThem) {
  constexpr std::size_t pieces = 50, width = 3;
  auto source = pinned_values(*device, pieces * width, 0), target = pinned_values(*device, pieces * width, -1);
  std::iota(source.data(), source.data() + pieces * width, 0);
  auto there = device_values<int>(*device, pieces * width);
  auto bytes_at = [](auto& of, std::size_t piece) { return reinterpret_cast<std::byte*>(of.data() + piece * width); };
  std::vector<byte_copy> in, out;
  for (std::size_t i = 0; i < pieces; ++i) {
    in.push_back({bytes_at(there, i * 7 % pieces), bytes_at(source, i), width * sizeof(int)});
    out.push_back({bytes_at(target, i), bytes_at(there, i), width * sizeof(int)});
  }
  device->copy_many(s, in);
  device->copy_many(s, out);
  device->copy_many(s, {});
  ASSERT_TRUE(device->synchronize(s));
  for (std::size_t i = 0; i < pieces; ++i)
    for (std::size_t k = 0; k < width; ++k)
      EXPECT_EQ(target[i * 7 % pieces * width + k], static_cast<int>(i * width + k));
}

TEST_P(Runtime, AnEventOrdersTwoStreams) {
  constexpr std::size_t many = std::size_t{1} << 20;  // long enough to be overtaken
  auto other = device->make_stream(true);
  auto source = pinned_values(*device, many, 0), target = pinned_values(*device, many, -1);
  auto there = device_values<int>(*device, many);
  auto arrived = device->make_event(), left = device->make_event();
  for (int round = 1; round <= 5; ++round) {
    std::fill_n(source.data(), many, round);
    device->wait(s, left);  // never recorded in the first round: waits for nothing
    device->copy(s, there.data(), source.data(), many * sizeof(int));
    device->record(arrived, s);
    device->wait(other, arrived);
    device->copy(other, target.data(), there.data(), many * sizeof(int));
    device->record(left, other);
    ASSERT_TRUE(device->synchronize(other));
    EXPECT_EQ(target[many - 1], round);
  }
  device->destroy(arrived);
  device->destroy(left);
  device->destroy(other);
}

TEST_P(Runtime, ARecordAfterAWaitDoesNotMoveTheWait) {
  auto other = device->make_stream();
  auto first = device->make_event(), second = device->make_event();
  device->record(first, s);
  device->wait(other, first);
  device->record(second, other);
  device->wait(s, second);
  device->record(first, s);  // if `other` waited for this, each would wait for the other
  std::promise<void> done;
  device->then(s, [&](bool) { done.set_value(); });
  EXPECT_EQ(done.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

TEST_P(Runtime, AnEventThatIsDestroyedStillHoldsWhoWaitsForIt) {
  auto other = device->make_stream();
  auto source = pinned_values(*device, count, 7), target = pinned_values(*device, count, 0);
  auto there = device_values<int>(*device, count);
  auto arrived = device->make_event();
  device->copy(s, there.data(), source.data(), buffer_bytes);
  device->record(arrived, s);
  device->wait(other, arrived);
  device->destroy(arrived);
  device->copy(other, target.data(), there.data(), buffer_bytes);
  ASSERT_TRUE(device->synchronize(other));
  EXPECT_EQ(target[0], 7);
}

TEST_P(Runtime, CallsComeInTheStreamsOrderAndMayEnqueue) {
  auto source = pinned_values(*device, count, 3), target = pinned_values(*device, count, 0);
  std::vector<int> order;
  std::promise<std::vector<int>> told;
  std::promise<void> all_enqueued;  // before the first call enqueues more
  device->copy(s, target.data(), source.data(), buffer_bytes);
  device->then(s, [&](bool passed) {
    all_enqueued.get_future().wait();
    order.push_back(passed ? target[count - 1] : -1);
    device->then(s, [&](bool) {
      order.push_back(5);
      told.set_value(order);
    });
  });
  device->then(s, [&](bool) { order.push_back(4); });
  all_enqueued.set_value();
  EXPECT_EQ(told.get_future().get(), (std::vector{3, 4, 5}));
}

TEST_P(Runtime, CallsOfADestroyedStreamStillCome) {
  std::promise<bool> told;
  device->then(s, [&](bool passed) { told.set_value(passed); });
  device->destroy(s);
  EXPECT_TRUE(told.get_future().get());
}

TEST_P(Runtime, WhatWasCapturedRunsAtEachLaunch) {
  auto source = pinned_values(*device, count, 0), target = pinned_values(*device, count, -1);
  auto a = device_values<int>(*device, count), b = device_values<int>(*device, count);
  device->begin_capture(s);
  device->copy(s, b.data(), a.data(), buffer_bytes);
  auto captured = device->end_capture(s);
  ASSERT_TRUE(captured);
  for (int round = 1; round <= 3; ++round) {
    std::fill_n(source.data(), count, round);
    device->copy(s, a.data(), source.data(), buffer_bytes);
    if (round < 3) device->launch(s, captured);
    device->copy(s, target.data(), b.data(), buffer_bytes);
    ASSERT_TRUE(device->synchronize(s));
    EXPECT_EQ(target[0], std::min(round, 2));
  }
  device->destroy(captured);
}

TEST_P(Runtime, TimeGoesOnBetweenTwoEvents) {
  auto source = pinned_values(*device, count, 0);
  auto there = device_values<int>(*device, count);
  auto begin = device->make_event(true), end = device->make_event(true);
  device->record(begin, s);
  device->copy(s, there.data(), source.data(), buffer_bytes);
  device->record(end, s);
  ASSERT_TRUE(device->synchronize(s));
  EXPECT_GT(device->elapsed_ms(begin, end), 0);
  device->destroy(begin);
  device->destroy(end);
}

TEST(Device, OneThatIsMissingIsOneClearLine) {
  try {
    open_device();
  } catch (const std::runtime_error& why) {
    std::string line = why.what();
    EXPECT_TRUE(line.starts_with("cuda: no device (")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
    EXPECT_TRUE(line.ends_with(")") && !line.ends_with("()")) << line;
    return;
  }
  GTEST_SKIP() << "there is a device";
}

}  // namespace
}  // namespace chromatin::gpu::cuda
