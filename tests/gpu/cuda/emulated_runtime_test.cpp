// What only the emulated runtime does: each order that the events allow comes with some seed, and misuse ends the
// process.

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <thread>

#include <gtest/gtest.h>

#include "gpu/cuda/emulated/stream.hpp"
#include "tests/gpu/cuda/runtimes.hpp"

namespace chromatin::gpu::cuda {
namespace {

constexpr std::uint64_t seeds = 40;

std::shared_ptr<emulated_runtime> polled_device(std::uint64_t seed) {
  return make_emulated_device({.seed = seed, .own_thread = false, .memory_bytes = std::size_t{1} << 20});
}

void run(emulated_runtime& device) {
  while (device.poll()) {
  }
  EXPECT_FALSE(device.busy()) << "something waits for ever";
}

/// An operation that notes that it ran.
void note(stream s, std::string& notes, char name) {
  s->enqueue([&notes, name](std::uint64_t) { notes += name; });
}

/// Every outcome of the scene over the seeds.
std::set<std::string> outcomes(const std::function<void(emulated_runtime&, std::string&)>& scene) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    auto device = polled_device(seed);
    std::string notes;
    scene(*device, notes);
    run(*device);
    seen.insert(notes);
  }
  return seen;
}

TEST(EmulatedRuntime, AStreamKeepsItsOrderWithEverySeed) {
  auto seen = outcomes([](auto& device, auto& notes) {
    auto s = device.make_stream();
    for (char name : {'a', 'b', 'c', 'd'}) note(s, notes, name);
  });
  EXPECT_EQ(seen, (std::set<std::string>{"abcd"}));
}

TEST(EmulatedRuntime, WithoutEventsTwoStreamsMixInEveryWay) {
  auto seen = outcomes([](auto& device, auto& notes) {
    auto s = device.make_stream(), other = device.make_stream();
    note(s, notes, 'a');
    note(other, notes, 'x');
    note(s, notes, 'b');
  });
  EXPECT_EQ(seen, (std::set<std::string>{"abx", "axb", "xab"}));
}

TEST(EmulatedRuntime, AnEventLeavesOnlyTheOrdersThatItAllows) {
  auto seen = outcomes([](auto& device, auto& notes) {
    auto s = device.make_stream(), other = device.make_stream();
    auto e = device.make_event();
    note(s, notes, 'a');
    device.record(e, s);
    note(s, notes, 'b');
    device.wait(other, e);
    note(other, notes, 'x');
    device.destroy(e);
  });
  EXPECT_EQ(seen, (std::set<std::string>{"abx", "axb"}));
}

TEST(EmulatedRuntime, AWaitIsForTheLastRecordBeforeIt) {
  auto seen = outcomes([](auto& device, auto& notes) {
    auto s = device.make_stream(), other = device.make_stream(), third = device.make_stream();
    auto e = device.make_event();
    note(s, notes, 'a');
    device.record(e, s);
    note(other, notes, 'x');
    device.record(e, other);
    device.wait(third, e);
    note(third, notes, '!');
    note(s, notes, 'b');
    device.record(e, s);
    device.destroy(e);
  });
  for (const auto& notes : seen) EXPECT_LT(notes.find('x'), notes.find('!')) << notes;
  EXPECT_TRUE(seen.contains("x!ab")) << "an earlier record, or a later one, was waited for";
}

TEST(EmulatedRuntime, ASeedIsAnOrder) {
  auto order_of = [](std::uint64_t seed) {
    auto device = polled_device(seed);
    std::string notes;
    for (char name : {'a', 'b', 'c', 'd'}) note(device->make_stream(), notes, name);
    run(*device);
    return notes;
  };
  EXPECT_EQ(order_of(7).size(), 4u);
  EXPECT_EQ(order_of(7), order_of(7));
  EXPECT_NE(order_of(1) + order_of(2) + order_of(3), order_of(4) + order_of(5) + order_of(6));
}

TEST(EmulatedRuntime, CallsDoNotHoldTheirStream) {
  auto seen = outcomes([](auto& device, auto& notes) {
    auto s = device.make_stream();
    note(s, notes, 'a');
    device.then(s, [&notes](bool passed) { notes += passed ? '1' : '0'; });
    note(s, notes, 'b');
    device.then(s, [&notes](bool passed) { notes += passed ? '2' : '0'; });
  });
  EXPECT_EQ(seen, (std::set<std::string>{"a1b2", "ab12"}));
}

TEST(EmulatedRuntime, ACopyReadsAndWritesWhenItIsDrawn) {
  auto device = polled_device(1);
  auto s = device->make_stream();
  auto source = pinned_values(*device, 1, 1), target = pinned_values(*device, 1, 0);
  device->copy(s, target.data(), source.data(), sizeof(int));
  EXPECT_EQ(target[0], 0);
  source[0] = 2;
  run(*device);
  EXPECT_EQ(target[0], 2);
}

TEST(EmulatedRuntime, WithoutAWaitSomeSeedShowsTheOldBytes) {
  for (bool waits : {true, false}) {
    std::set<int> seen;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
      auto device = polled_device(seed);
      auto s = device->make_stream(), other = device->make_stream();
      auto source = pinned_values(*device, 1, 1), target = pinned_values(*device, 1, 0);
      auto there = device_values<int>(*device, 1);
      auto arrived = device->make_event();
      device->copy(s, there.data(), source.data(), sizeof(int));
      device->record(arrived, s);
      if (waits) device->wait(other, arrived);
      device->copy(other, target.data(), there.data(), sizeof(int));
      run(*device);
      seen.insert(target[0]);
    }
    EXPECT_EQ(seen, waits ? std::set{1} : (std::set{-1, 1})) << "-1: as allocated";
  }
}

TEST(EmulatedRuntime, CapturedKernelsRunInOrderAtEachLaunch) {
  auto device = polled_device(1);
  auto s = device->make_stream(), other = device->make_stream();
  std::string notes;
  device->begin_capture(s);
  note(s, notes, 'a');
  note(s, notes, 'b');
  note(other, notes, 'x');  // not of the capture
  auto captured = device->end_capture(s);
  run(*device);
  EXPECT_EQ(notes, "x");
  device->launch(s, captured);
  device->launch(other, captured);
  device->destroy(captured);
  run(*device);
  EXPECT_EQ(notes.size(), 5u);
  EXPECT_EQ(std::ranges::count(notes, 'b'), 2);
  EXPECT_EQ(notes[1], 'a');
}

TEST(EmulatedRuntime, AFailedDeviceCallsEverybodyWithFalse) {
  auto device = polled_device(1);
  auto s = device->make_stream();
  std::string notes;
  note(s, notes, 'a');
  device->then(s, [&](bool passed) { notes += passed ? '1' : '0'; });
  run(*device);
  note(s, notes, 'b');
  device->then(s, [&](bool passed) { notes += passed ? '1' : '0'; });
  device->fail("an illegal address");
  device->fail("something that came of it");
  device->then(s, [&](bool passed) { notes += passed ? '1' : '0'; });
  run(*device);
  EXPECT_EQ(notes, "a100");
  EXPECT_EQ(device->error(), "an illegal address");
  EXPECT_FALSE(device->synchronize(s));
  EXPECT_THROW(device->allocate(1), std::bad_alloc);
}

TEST(EmulatedRuntime, ItsEndDoesWhatIsEnqueuedFirst) {
  for (bool own_thread : {false, true}) {
    auto device = make_emulated_device({.own_thread = own_thread});
    std::string notes;
    auto s = device->make_stream();
    note(s, notes, 'a');
    device->then(s, [&](bool passed) { notes += passed ? '1' : '0'; });
    device.reset();
    EXPECT_EQ(notes, "a1");
  }
}

class EmulatedRuntimeDeathTest : public testing::Test {
 protected:
  EmulatedRuntimeDeathTest() { s = device->make_stream(); }

  std::shared_ptr<emulated_runtime> device = polled_device(1);
  stream s;
  values<int> host = pinned_values(*device, 10, 1);
  values<int> there = device_values<int>(*device, 10);
};

TEST_F(EmulatedRuntimeDeathTest, HostMemoryThatIsNotPinned) {
  std::vector<int> plain(10);
  EXPECT_DEATH(device->copy(s, there.data(), plain.data(), 40), "pinned memory");
}

TEST_F(EmulatedRuntimeDeathTest, ACopyBeyondAnAllocation) {
  device->copy(s, there.data() + 1, host.data(), 36);
  EXPECT_DEATH(device->copy(s, there.data() + 1, host.data(), 40), "stays within");
  EXPECT_DEATH(device->copy(s, there.data(), host.data(), 44), "stays within");
  EXPECT_DEATH(device->copy_rows(s, there.data(), 4, host.data(), 8, 4, 6), "stays within");
  device->copy_rows(s, there.data(), 4, host.data(), 8, 4, 5);
  run(*device);
}

TEST_F(EmulatedRuntimeDeathTest, MemoryThatIsGivenBackWhileACopyNamesIt) {
  device->copy(s, there.data(), host.data(), 40);
  EXPECT_DEATH(there.memory.data.reset(), "while an enqueued copy names it");
  EXPECT_DEATH(host.memory.data.reset(), "while an enqueued copy names it");
  run(*device);
  there.memory.data.reset();
}

TEST_F(EmulatedRuntimeDeathTest, MemoryThatIsReadAfterItWasGivenBack) {
  auto* data = there.data();
  there.memory.data.reset();
  EXPECT_DEATH(device->copy(s, host.data(), data, 40), "stays within");
  EXPECT_DEATH(host[0] = *static_cast<volatile int*>(data), "");
}

TEST_F(EmulatedRuntimeDeathTest, WhatIsWrittenBehindTheEnd) {
  EXPECT_DEATH(
      {
        there[10] = 1;
        there.memory.data.reset();
      },
      "behind the end");
  EXPECT_DEATH(there[1024] = 1, "");
  EXPECT_DEATH(there.data()[-1] = 1, "");
}

TEST_F(EmulatedRuntimeDeathTest, AnEventOrAStreamThatWasDestroyed) {
  auto e = device->make_event();
  device->destroy(e);
  EXPECT_DEATH(device->record(e, s), "destroyed");
  EXPECT_DEATH(device->wait(s, e), "destroyed");
  EXPECT_DEATH(device->destroy(e), "destroyed");
  device->destroy(s);
  EXPECT_DEATH(device->copy(s, there.data(), host.data(), 40), "destroyed");
  EXPECT_DEATH(note(s, *std::make_unique<std::string>(), 'a'), "destroyed");
}

TEST_F(EmulatedRuntimeDeathTest, WhatCannotBeCaptured) {
  device->begin_capture(s);
  EXPECT_DEATH(device->record(device->make_event(), s), "captured");
  EXPECT_DEATH(device->then(s, [](bool) {}), "captured");
  EXPECT_DEATH(device->synchronize(s), "captured");
}

TEST_F(EmulatedRuntimeDeathTest, ACallThatWaits) {
  EXPECT_DEATH(
      {
        device->then(s, [&](bool) { device->synchronize(s); });
        run(*device);
      },
      "does not wait");
}

TEST(EmulatedRuntime, TheLastOwnerMayGoInOneOfItsCalls) {
  std::weak_ptr<runtime> gone;
  {
    std::shared_ptr<runtime> on = make_emulated_device();
    gone = on;
    auto s = on->make_stream();
    auto* of = on.get();
    of->then(s, [on = std::move(on)](bool) mutable { on = nullptr; });
  }
  while (!gone.expired()) std::this_thread::yield();
}

}  // namespace
}  // namespace chromatin::gpu::cuda
