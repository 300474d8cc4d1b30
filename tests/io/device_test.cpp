// Every kind of device, on real files in a real folder.

#include <fstream>
#include <future>
#include <random>

#include <gtest/gtest.h>

#include "io/memory_device.hpp"
#include "io/thread_device.hpp"
#include "io/uring_device.hpp"
#include "kv/page.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t page = 4096;

struct kind {
  const char* name;
  std::unique_ptr<device> (*make)(segment_files, std::span<std::byte>);
};

void PrintTo(const kind& k, std::ostream* out) { *out << k.name; }

class Device : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    try {
      device_ = GetParam().make(open_segments(folder_.path(), {64 * page, 32 * page}), memory());
    } catch (const open_error& e) {
      GTEST_SKIP() << e.what();
    }
  }
  void TearDown() override { device_.reset(); }

  std::span<std::byte> memory() { return block_.bytes(); }
  std::span<std::byte> buffer(std::size_t index, std::size_t pages = 1) {
    return memory().subspan(index * page, pages * page);
  }
  int wait(const std::function<void(io_done)>& start) {
    std::promise<int> done;
    start([&](int error) { done.set_value(error); });
    return done.get_future().get();
  }
  test::temporary_folder folder_;
  kv::memory_block block_ = kv::plain_memory(256 * page);
  std::unique_ptr<device> device_;
};

void fill(std::span<std::byte> bytes, std::uint32_t seed) {
  std::mt19937 random{seed};
  for (auto& b : bytes) b = static_cast<std::byte>(random());
}

TEST_P(Device, WhatIsWrittenIsReadAgainAfterReopening) {
  fill(buffer(0, 3), 1);
  EXPECT_EQ(wait([&](io_done done) { device_->write({1, 5 * page}, buffer(0, 3), std::move(done)); }), 0);
  EXPECT_EQ(wait([&](io_done done) { device_->sync(1, std::move(done)); }), 0);
  device_.reset();
  device_ = GetParam().make(open_segments(folder_.path(), {64 * page, 32 * page}), memory());
  EXPECT_EQ(wait([&](io_done done) { device_->read({1, 5 * page}, buffer(10, 3), std::move(done)); }), 0);
  EXPECT_TRUE(std::equal(buffer(0, 3).begin(), buffer(0, 3).end(), buffer(10, 3).begin()));
}

TEST_P(Device, ManyMoreOperationsThanTheQueueHolds) {
  constexpr std::size_t count = 2000;
  std::atomic<std::size_t> done{0}, failed{0};
  fill(buffer(0, 64), 2);
  std::promise<void> all;
  auto one = [&](int error) {
    if (error != 0) ++failed;
    if (++done == count) all.set_value();
  };
  for (std::size_t i = 0; i < count; ++i) device_->write({0, i % 64 * page}, buffer(i % 64), one);
  all.get_future().get();
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(wait([&](io_done d) { device_->read({0, 0}, buffer(100, 64), std::move(d)); }), 0);
  EXPECT_TRUE(std::equal(buffer(0, 64).begin(), buffer(0, 64).end(), buffer(100, 64).begin()));
  EXPECT_EQ(device_->counters().writes, static_cast<std::int64_t>(count));
}

TEST_P(Device, ACompletionMayOrderTheNextOperation) {
  fill(buffer(0), 3);
  EXPECT_EQ(wait([&](io_done done) {
              device_->write({0, 0}, buffer(0), [&, done = std::move(done)](int error) {
                ASSERT_EQ(error, 0);
                device_->read({0, 0}, buffer(1), done);
              });
            }),
            0);
  EXPECT_TRUE(std::equal(buffer(0).begin(), buffer(0).end(), buffer(1).begin()));
}

TEST_P(Device, ReadingPastTheEndIsAnErrorNotGarbage) {
  EXPECT_NE(wait([&](io_done done) { device_->read({1, 32 * page}, buffer(0), std::move(done)); }), 0);
  EXPECT_NE(wait([&](io_done done) { device_->read({1, 31 * page}, buffer(0, 2), std::move(done)); }), 0);
  EXPECT_EQ(device_->counters().errors, 2);
}

TEST_P(Device, MemoryThatIsNotRegisteredWorksToo) {
  auto other = kv::plain_memory(page);
  auto bytes = other.bytes();
  fill(bytes, 4);
  EXPECT_EQ(wait([&](io_done done) { device_->write({0, 0}, bytes, std::move(done)); }), 0);
  EXPECT_EQ(wait([&](io_done done) { device_->read({0, 0}, buffer(0), std::move(done)); }), 0);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), buffer(0).begin()));
}

TEST_P(Device, MisalignedTransfersAreRefused) {
  EXPECT_THROW(device_->read({0, 100}, buffer(0), [](int) {}), std::invalid_argument);
  EXPECT_THROW(device_->read({0, 0}, buffer(0).subspan(8, 512), [](int) {}), std::invalid_argument);
  EXPECT_THROW(device_->read({0, 0}, {}, [](int) {}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Device,
                         testing::Values(kind{"uring",
                                              [](segment_files f, std::span<std::byte> m) {
                                                return make_uring_device(std::move(f), {8, m});
                                              }},
                                         kind{"uring_plain_buffers",
                                              [](segment_files f, std::span<std::byte>) {
                                                return make_uring_device(std::move(f), {8, {}});
                                              }},
                                         kind{"threads",
                                              [](segment_files f, std::span<std::byte>) {
                                                return make_thread_device(std::move(f), 4);
                                              }}),
                         [](const auto& k) { return k.param.name; });

TEST(Segments, ADiskThatIsTooSmallIsAClearErrorAndLeavesNothing) {
  test::temporary_folder folder;
  EXPECT_THROW(open_segments(folder.path(), {std::uint64_t{1} << 60}), open_error);
  EXPECT_FALSE(std::filesystem::exists(folder / "segment-0000.kv"));
}

TEST(Segments, WhatIsThereIsKeptWhenASegmentGrows) {
  test::temporary_folder folder;
  open_segments(folder.path(), {page});
  std::ofstream{folder / "segment-0000.kv", std::ios::in | std::ios::binary} << "kept";
  open_segments(folder.path(), {4 * page, page});
  EXPECT_EQ(std::filesystem::file_size(folder / "segment-0000.kv"), 4 * page);
  std::string start(4, ' ');
  std::ifstream{folder / "segment-0000.kv"}.read(start.data(), 4);
  EXPECT_EQ(start, "kept");
}

TEST(MemoryDevice, APowerCutKeepsWhatWasSyncedAndDropsOrTearsTheRest) {
  std::size_t kept = 0, dropped = 0, torn = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    memory_device device{{64 * page}};
    auto block = kv::plain_memory(8 * page);
    auto bytes = block.bytes();
    auto ok = [](int error) { ASSERT_EQ(error, 0); };
    std::fill(bytes.begin(), bytes.end(), std::byte{1});
    device.write({0, 0}, bytes.first(4 * page), ok);
    device.poll();
    device.sync(0, ok);
    device.poll();
    std::fill(bytes.begin(), bytes.end(), std::byte{2});
    device.write({0, 4 * page}, bytes.first(4 * page), ok);
    device.poll();
    device.power_cut(seed);
    device.read({0, 0}, bytes, ok);
    device.poll();
    for (std::size_t i = 0; i < 4 * page; ++i) ASSERT_EQ(bytes[i], std::byte{1});
    auto written = std::count(bytes.begin() + 4 * page, bytes.end(), std::byte{2});
    (written == 0 ? dropped : written == 4 * page ? kept : torn) += 1;
  }
  EXPECT_GT(kept, 0u);
  EXPECT_GT(dropped, 0u);
  EXPECT_GT(torn, 0u);
}

}  // namespace
}  // namespace chromatin::io
