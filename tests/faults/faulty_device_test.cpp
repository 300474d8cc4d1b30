// Each kind of fault of a device: that it strikes, what it does, and that it does nothing else.

#include <algorithm>
#include <cerrno>
#include <future>
#include <optional>

#include <gtest/gtest.h>

#include "io/faulty_device.hpp"
#include "io/memory_device.hpp"
#include "io/thread_device.hpp"
#include "kv/page.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t block = 4096;
constexpr std::size_t blocks = 64;
const faulty_device::time_point begin{};

class FaultyDevice : public testing::Test {
 protected:
  /// How an operation ended; nothing if it did not.
  std::optional<int> run(const std::function<void(io_done)>& start, faulty_device::time_point now = begin) {
    auto ended = std::make_shared<std::optional<int>>();
    start([ended](int error) { *ended = error; });
    settle(now);
    return *ended;
  }
  void settle(faulty_device::time_point now = begin) {
    while (device_.poll(now) || memory_->poll()) {
    }
  }
  std::optional<int> write(std::uint64_t at, std::size_t count, int value, faulty_device::time_point now = begin) {
    std::ranges::fill(bytes(), static_cast<std::byte>(value));
    return run(
        [&](io_done done) {
          device_.write({0, at * block}, bytes().first(count * block), urgency::saving, std::move(done));
        },
        now);
  }
  std::optional<int> read(std::uint64_t at, std::size_t count, faulty_device::time_point now = begin) {
    std::ranges::fill(bytes(), std::byte{0xee});
    return run(
        [&](io_done done) {
          device_.read({0, at * block}, bytes().first(count * block), urgency::turn_waits, std::move(done));
        },
        now);
  }
  std::optional<int> sync() {
    return run([&](io_done done) { device_.sync(0, std::move(done)); });
  }
  /// Bytes of blocks that were read last, one for each block; nothing where a block is mixed.
  std::vector<int> values(std::size_t count) {
    std::vector<int> all;
    for (std::size_t i = 0; i < count; ++i) {
      auto one = bytes().subspan(i * block, block);
      bool same = std::ranges::all_of(one, [&](auto b) { return b == one[0]; });
      all.push_back(same ? std::to_integer<int>(one[0]) : -1);
    }
    return all;
  }
  void strike(fault what, std::uint32_t count = 1) { dice_->strike_next(what, count); }
  std::int64_t fired(fault what) const { return dice_->counts().of(what); }
  std::span<std::byte> bytes() { return buffer_.bytes().first(blocks * block); }

  kv::memory_block buffer_ = kv::plain_memory(blocks * block);
  memory_device* memory_ = new memory_device{{blocks * block}};
  std::shared_ptr<fault_dice> dice_ = std::make_shared<fault_dice>(7);
  faulty_device device_{std::unique_ptr<device>{memory_}, dice_};
};

TEST_F(FaultyDevice, WithoutFaultsItIsTheDeviceBehindIt) {
  EXPECT_EQ(write(3, 4, 1), 0);
  EXPECT_EQ(read(2, 6), 0);
  EXPECT_EQ(values(6), (std::vector{0, 1, 1, 1, 1, 0}));
  EXPECT_EQ(sync(), 0);
  EXPECT_EQ(read(2, 6), 0);
  EXPECT_EQ(values(6), (std::vector{0, 1, 1, 1, 1, 0}));
  for (std::size_t i = 0; i < fault_kinds; ++i) EXPECT_EQ(fired(static_cast<fault>(i)), 0);
}

TEST_F(FaultyDevice, ErrorsEndTheirOperationAndTheNextIsGood) {
  EXPECT_EQ(write(0, 8, 1), 0);
  for (auto [what, error] : {std::pair{fault::write_error, EIO}, std::pair{fault::no_space, ENOSPC}}) {
    strike(what);
    EXPECT_EQ(write(0, 8, 2), error);
    EXPECT_EQ(write(0, 8, 1), 0);
    EXPECT_EQ(fired(what), 1);
  }
  strike(fault::read_error);
  EXPECT_EQ(read(0, 8), EIO);
  EXPECT_EQ(values(1), std::vector{0xee}) << "nothing was read";
  EXPECT_EQ(read(0, 8), 0);
  strike(fault::sync_error);
  EXPECT_EQ(sync(), EIO);
  EXPECT_EQ(sync(), 0);
  EXPECT_EQ(fired(fault::read_error), 1);
  EXPECT_EQ(fired(fault::sync_error), 1);
}

TEST_F(FaultyDevice, WhatASyncThatFailedLeftBehindMayBeLost) {
  bool lost = false;
  for (int i = 0; i < 20 && !lost; ++i) {
    write(0, 8, 1), sync();
    write(0, 8, 2);
    strike(fault::sync_error);
    sync();
    EXPECT_EQ(sync(), 0) << "the next one says nothing of it";
    read(0, 8);
    lost = std::ranges::count(values(8), 1) > 0;
  }
  EXPECT_TRUE(lost);
}

TEST_F(FaultyDevice, ShortTransfersGoOnAndAreWholeInTheEndOrAnError) {
  for (int i = 0; i < 40; ++i) {
    strike(fault::short_write);
    auto written = write(0, 16, i + 1);
    strike(fault::short_read, 2);
    auto got = read(0, 16);
    EXPECT_TRUE(got == 0 || got == EIO);
    if (written == 0 && got == 0) {
      EXPECT_EQ(values(16), std::vector(16, i + 1)) << "what was not moved is fetched, not made up";
    }
    strike(fault::short_read, 0);
  }
  EXPECT_GT(device_.counters().writes, 0);
  EXPECT_GT(fired(fault::short_write), 30);
  EXPECT_GT(fired(fault::short_read), 30);
}

TEST_F(FaultyDevice, ATornWriteSaysNothingAndLeavesItsEndOut) {
  write(0, 16, 1);
  strike(fault::torn_write);
  EXPECT_EQ(write(0, 16, 2), 0);
  EXPECT_EQ(read(0, 16), 0);
  auto all = values(16);
  EXPECT_EQ(all.back(), 1);
  EXPECT_TRUE(std::ranges::is_sorted(all, std::greater<>{}));
  EXPECT_EQ(fired(fault::torn_write), 1);
}

TEST_F(FaultyDevice, AFlippedBitIsOneBitOfOneReadOrOfWhatIsStored) {
  write(0, 8, 0);
  auto wrong_bits = [&] {
    int count = 0;
    for (auto b : bytes().first(8 * block)) count += std::popcount(std::to_integer<unsigned>(b));
    return count;
  };
  strike(fault::read_flip);
  EXPECT_EQ(read(0, 8), 0);
  EXPECT_EQ(wrong_bits(), 1);
  read(0, 8);
  EXPECT_EQ(wrong_bits(), 0) << "the next read is right";
  strike(fault::write_flip);
  EXPECT_EQ(write(0, 8, 0), 0);
  EXPECT_EQ(wrong_bits(), 0) << "the writer's own memory is as it was";
  sync();
  for (int i = 0; i < 2; ++i) {
    read(0, 8);
    EXPECT_EQ(wrong_bits(), 1);
  }
}

TEST_F(FaultyDevice, AMisdirectedWriteIsElsewhereAndWhatItShouldReplaceIsThere) {
  bool elsewhere = false;
  for (int i = 0; i < 20 && !elsewhere; ++i) {
    write(0, blocks, 1);
    strike(fault::misdirected_write);
    EXPECT_EQ(write(40, 2, 2), 0);
    read(0, blocks);
    auto all = values(blocks);
    EXPECT_EQ(std::ranges::count(all, 2), 2);
    elsewhere = all[40] == 1;
  }
  EXPECT_TRUE(elsewhere);
}

TEST_F(FaultyDevice, SlowAndStuckOperationsEndWhenTheirTimeComesAndOthersPassThem) {
  write(0, 8, 1);
  for (auto what : {fault::slow, fault::stuck}) {
    strike(what);
    EXPECT_EQ(read(0, 8), std::nullopt);
    EXPECT_EQ(read(0, 8), 0) << "the next one is not delayed";
    auto due = device_.next_due();
    ASSERT_TRUE(due);
    EXPECT_GT(*due, begin);
    auto before = device_.counters().reads;
    settle(*due);
    EXPECT_EQ(device_.counters().reads, before + 1);
    EXPECT_FALSE(device_.next_due());
    EXPECT_EQ(fired(what), 1);
  }
}

TEST_F(FaultyDevice, APowerCutKeepsDropsOrTearsWhatWasNotSyncedAndNothingElse) {
  for (int i = 0; i < 60; ++i) {
    int old = 1 + 3 * i, fresh = old + 1, unsynced = old + 2;  // no round finds the bytes of the one before
    EXPECT_EQ(write(0, 16, old), 0);
    EXPECT_EQ(sync(), 0);
    EXPECT_EQ(write(0, 8, fresh), 0);
    EXPECT_EQ(sync(), 0);
    EXPECT_EQ(write(8, 8, unsynced), 0);
    read(0, 16);
    EXPECT_EQ(std::ranges::count(values(16), unsynced), 8) << "as long as there is power, what was written is read";
    auto kept = fired(fault::cut_keeps), dropped = fired(fault::cut_drops);
    device_.power_cut();
    read(0, 16);
    auto all = values(16);
    EXPECT_EQ(std::ranges::count(std::span{all}.first(8), fresh), 8) << "what was synced";
    auto left = std::ranges::count(std::span{all}.last(8), unsynced);
    EXPECT_EQ(std::ranges::count(std::span{all}.last(8), old), 8 - left) << "each block is as written, or as before";
    if (fired(fault::cut_keeps) > kept) {
      EXPECT_EQ(left, 8);
    } else if (fired(fault::cut_drops) > dropped) {
      EXPECT_EQ(left, 0);
    }
  }
  EXPECT_GT(fired(fault::cut_keeps), 5);
  EXPECT_GT(fired(fault::cut_drops), 5);
  EXPECT_GT(fired(fault::cut_tears), 5);
  EXPECT_EQ(fired(fault::cut_keeps) + fired(fault::cut_drops) + fired(fault::cut_tears), 60);
}

TEST_F(FaultyDevice, WhatIsUnderWayAtAPowerCutNeverEndsAndTouchesNothingLater) {
  write(0, 8, 1), sync();
  bool ended = false;
  device_.read({0, 0}, bytes().first(block), urgency::turn_waits, [&](int) { ended = true; });
  device_.poll(begin);  // it is in the device behind
  device_.write({0, 0}, bytes().first(block), urgency::saving, [&](int) { ended = true; });
  device_.power_cut();
  settle();
  EXPECT_FALSE(ended);
  EXPECT_EQ(read(0, 8), 0) << "and the device goes on";
  EXPECT_EQ(values(8), std::vector(8, 1));
}

TEST(FaultyDeviceThread, OperationsEndByTheClockUnderRandomFaults) {
  test::temporary_folder folder;
  auto odds = parse_odds("all=50000");
  auto dice = std::make_shared<fault_dice>(3, odds);
  using std::chrono::milliseconds;
  auto device = make_faulty_device(make_thread_device(open_segments(folder.path(), {blocks * block}), 2), dice,
                                   {.slow_max = milliseconds{2}, .stuck_for = milliseconds{5}});
  constexpr int count = 3000;
  auto buffer = kv::plain_memory((count + 20) * block);  // a block for each: they run side by side
  auto memory = [&](int i) { return buffer.bytes().subspan(static_cast<std::size_t>(i) * block, block); };
  std::atomic<int> ended = 0;
  std::promise<void> all;
  auto done = [&](int) {
    if (++ended == count) all.set_value();
  };
  for (int i = 0; i < count; ++i) {
    auto at = static_cast<std::size_t>(i) % blocks * block;
    if (i % 10 == 0)
      device->sync(0, done);
    else if (i % 2)
      device->write({0, at}, memory(i), urgency::saving, done);
    else
      device->read({0, at}, memory(i), urgency::turn_waits, done);
  }
  all.get_future().wait();
  for (std::size_t i = 0; i < static_cast<std::size_t>(fault::cut_keeps); ++i)
    EXPECT_GT(dice->counts().fired[i], 0) << to_string(static_cast<fault>(i));
  for (int i = 0; i < 20; ++i) device->read({0, 0}, memory(count + i), urgency::saving, [&](int) { ++ended; });
  device.reset();
  EXPECT_EQ(ended, count + 20) << "a device that is destroyed ends all operations first";
}

TEST(FaultOdds, AreReadByNameAndWhatIsUnknownIsNamed) {
  auto odds = parse_odds("read_error=5,slow=7");
  EXPECT_EQ(odds[static_cast<std::size_t>(fault::read_error)], 5u);
  EXPECT_EQ(odds[static_cast<std::size_t>(fault::slow)], 7u);
  EXPECT_EQ(odds[static_cast<std::size_t>(fault::stuck)], 0u);
  EXPECT_EQ(parse_odds("all=9")[static_cast<std::size_t>(fault::stuck)], 9u);
  for (auto text : {"read_error", "read_error=", "read_error=x", "no_such=1", "=1", "slow=1,,"})
    EXPECT_THROW(parse_odds(text), std::invalid_argument) << text;
}

TEST(FaultDice, ASeedReproducesWhatStrikes) {
  auto all = [](std::uint64_t seed) {
    fault_dice dice{seed, parse_odds("all=300000")};
    std::string struck;
    for (int i = 0; i < 200; ++i) struck += dice.strikes(fault::slow) ? '1' : '0';
    return struck;
  };
  EXPECT_EQ(all(1), all(1));
  EXPECT_NE(all(1), all(2));
}

}  // namespace
}  // namespace chromatin::io
