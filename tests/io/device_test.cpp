// Every kind of device, on real files in a real folder.

#include <fstream>
#include <future>
#include <random>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/memory_device.hpp"
#include "io/slow_device.hpp"
#include "io/thread_device.hpp"
#include "io/uring_device.hpp"
#include "kv/page.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t device_page = 4096;

struct kind {
  const char* name;
  std::unique_ptr<device> (*make)(segment_files);
};

void PrintTo(const kind& k, std::ostream* out) { *out << k.name; }

class Device : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    try {
      device_ = GetParam().make(open_segments(folder_.path(), {64 * device_page, 32 * device_page}));
    } catch (const open_error& e) {
      GTEST_SKIP() << e.what();
    }
  }
  void TearDown() override { device_.reset(); }

  std::span<std::byte> buffer(std::size_t index, std::size_t pages = 1) {
    return block_.bytes().subspan(index * device_page, pages * device_page);
  }
  int wait(const std::function<void(io_done)>& start) {
    std::promise<int> done;
    start([&](int error) { done.set_value(error); });
    return done.get_future().get();
  }
  test::temporary_folder folder_;
  kv::memory_block block_ = kv::plain_memory(256 * device_page);
  std::unique_ptr<device> device_;
};

void fill(std::span<std::byte> bytes, std::uint32_t seed) {
  std::mt19937 random{seed};
  for (auto& b : bytes) b = static_cast<std::byte>(random());
}

TEST(SlowDevice, AnswersNoSoonerThanItsDisk) {
  test::temporary_folder folder;
  auto device = make_slow_device(make_thread_device(open_segments(folder.path(), {64 * device_page}), 2),
                                 {.bytes_per_s = 1e6, .latency_us = 3000});
  auto memory = kv::plain_memory(20 * device_page);
  std::promise<void> first, second;
  auto begin = std::chrono::steady_clock::now();
  auto ms = [&] { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count(); };
  device->write({0, 0}, memory.bytes().first(10 * device_page), urgency::saving, [&](int) { first.set_value(); });
  device->read({0, 32 * device_page}, memory.bytes().last(10 * device_page), urgency::saving,
               [&](int) { second.set_value(); });
  first.get_future().wait();
  EXPECT_GE(ms(), 3 + 40.96);
  second.get_future().wait();
  EXPECT_GE(ms(), 3 + 2 * 40.96);
}

TEST_P(Device, WhatIsWrittenIsReadAgainAfterReopening) {
  fill(buffer(0, 3), 1);
  EXPECT_EQ(wait([&](io_done done) {
              device_->write({1, 5 * device_page}, buffer(0, 3), urgency::saving, std::move(done));
            }),
            0);
  EXPECT_EQ(wait([&](io_done done) { device_->sync(1, std::move(done)); }), 0);
  device_.reset();
  device_ = GetParam().make(open_segments(folder_.path(), {64 * device_page, 32 * device_page}));
  EXPECT_EQ(wait([&](io_done done) {
              device_->read({1, 5 * device_page}, buffer(10, 3), urgency::turn_waits, std::move(done));
            }),
            0);
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
  for (std::size_t i = 0; i < count; ++i)
    device_->write({0, i % 64 * device_page}, buffer(i % 64), urgency::saving, one);
  all.get_future().get();
  EXPECT_EQ(failed, 0u);
  EXPECT_EQ(wait([&](io_done d) { device_->read({0, 0}, buffer(100, 64), urgency::turn_waits, std::move(d)); }), 0);
  EXPECT_TRUE(std::equal(buffer(0, 64).begin(), buffer(0, 64).end(), buffer(100, 64).begin()));
  EXPECT_EQ(device_->counters().writes, static_cast<std::int64_t>(count));
}

TEST_P(Device, ACompletionMayOrderTheNextOperation) {
  fill(buffer(0), 3);
  EXPECT_EQ(wait([&](io_done done) {
              device_->write({0, 0}, buffer(0), urgency::saving, [&, done = std::move(done)](int error) {
                ASSERT_EQ(error, 0);
                device_->read({0, 0}, buffer(1), urgency::turn_waits, done);
              });
            }),
            0);
  EXPECT_TRUE(std::equal(buffer(0).begin(), buffer(0).end(), buffer(1).begin()));
}

TEST_P(Device, ReadingPastTheEndIsAnErrorNotGarbage) {
  EXPECT_NE(wait([&](io_done done) {
              device_->read({1, 32 * device_page}, buffer(0), urgency::turn_waits, std::move(done));
            }),
            0);
  EXPECT_NE(wait([&](io_done done) {
              device_->read({1, 31 * device_page}, buffer(0, 2), urgency::turn_waits, std::move(done));
            }),
            0);
  EXPECT_EQ(device_->counters().errors, 2);
}

TEST_P(Device, AFileThatEndsInsideAPageIsAnErrorAndNotAnEndlessLoop) {
  ASSERT_EQ(::truncate((folder_ / "segment-0000.kv").c_str(), device_page + 512), 0);
  for (std::size_t pages : {1, 2, 3})
    EXPECT_EQ(wait([&](io_done done) {
                device_->read({0, device_page}, buffer(0, pages), urgency::turn_waits, std::move(done));
              }),
              EIO);
  EXPECT_EQ(wait([&](io_done done) { device_->read({0, 0}, buffer(0), urgency::turn_waits, std::move(done)); }), 0);
}

TEST_P(Device, ATransferLongerThanAPieceIsWholeOrAnError) {
  constexpr std::size_t pages = 3 * piece_bytes_max / device_page / 2;
  device_.reset();
  device_ = GetParam().make(open_segments(folder_.path(), {(pages + 1) * device_page}));
  auto large = kv::plain_memory(2 * pages * device_page);
  auto written = large.bytes().first(pages * device_page), got = large.bytes().subspan(pages * device_page);
  fill(written, 5);
  EXPECT_EQ(wait([&](io_done done) {
              device_->write({0, device_page}, written, urgency::saving, std::move(done));
            }),
            0);
  EXPECT_EQ(wait([&](io_done done) { device_->read({0, device_page}, got, urgency::turn_waits, std::move(done)); }), 0);
  EXPECT_TRUE(std::equal(written.begin(), written.end(), got.begin()));
  EXPECT_NE(wait([&](io_done done) {
              device_->read({0, 2 * device_page}, got, urgency::turn_waits, std::move(done));
            }),
            0);
}

TEST_P(Device, WhatIsCancelledInLineEndsAsCancelledAndIsNotCarriedOut) {
  fill(buffer(1), 7);
  std::atomic<int> cancelled{0}, ended{0};
  constexpr int count = 64;
  std::promise<void> all;
  auto end = [&](int error) {
    cancelled += error == ECANCELED;
    if (++ended == count) all.set_value();
  };
  std::vector<operation_id> ids;
  for (int i = 0; i < count; ++i) ids.push_back(device_->write({0, 0}, buffer(1), urgency::saving, end));
  int taken = 0;
  for (auto id : ids) taken += device_->cancel(id);
  all.get_future().get();
  EXPECT_EQ(cancelled, taken);
  for (auto id : ids) EXPECT_FALSE(device_->cancel(id)) << "it is over";
  EXPECT_EQ(device_->counters().errors, 0);
}

TEST_P(Device, MemoryThatIsNotRegisteredWorksToo) {
  auto other = kv::plain_memory(device_page);
  auto bytes = other.bytes();
  fill(bytes, 4);
  EXPECT_EQ(wait([&](io_done done) { device_->write({0, 0}, bytes, urgency::saving, std::move(done)); }), 0);
  EXPECT_EQ(wait([&](io_done done) { device_->read({0, 0}, buffer(0), urgency::turn_waits, std::move(done)); }), 0);
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), buffer(0).begin()));
}

TEST_P(Device, MisalignedTransfersAreRefused) {
  EXPECT_THROW(device_->read({0, 100}, buffer(0), urgency::turn_waits, [](int) {}), std::invalid_argument);
  EXPECT_THROW(device_->read({0, 0}, buffer(0).subspan(8, 512), urgency::turn_waits, [](int) {}),
               std::invalid_argument);
  EXPECT_THROW(device_->read({0, 0}, {}, urgency::turn_waits, [](int) {}), std::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, Device,
    testing::Values(kind{"slow",
                         [](segment_files f) {
                           return make_slow_device(make_thread_device(std::move(f), 2),
                                                   {.bytes_per_s = 1e9, .latency_us = 100});
                         }},
                    kind{"uring", [](segment_files f) { return make_uring_device(std::move(f), 8); }},
                    kind{"threads", [](segment_files f) { return make_thread_device(std::move(f), 4); }}),
    [](const auto& k) { return k.param.name; });

TEST(Segments, ADiskThatIsTooSmallIsAClearErrorAndLeavesNothing) {
  test::temporary_folder folder;
  EXPECT_THROW(open_segments(folder.path(), {std::uint64_t{1} << 60}), open_error);
  EXPECT_FALSE(std::filesystem::exists(folder / "segment-0000.kv"));
}

TEST(Segments, ALargeStoreOpensUnderTheUsualLimitOfOpenFiles) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  if (before.rlim_max < 2048) GTEST_SKIP() << "the hard limit is " << before.rlim_max;
  rlimit usual{1024, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
  test::temporary_folder folder;
  EXPECT_EQ(open_segments(folder.path(), std::vector<std::uint64_t>(1100, device_page)).files.size(), 1100u);
  rlimit raised{};
  ::getrlimit(RLIMIT_NOFILE, &raised);
  EXPECT_GE(raised.rlim_cur, 1100u + 256u) << "connections need some, too";
  ::setrlimit(RLIMIT_NOFILE, &before);
}

TEST(Segments, ALimitOfOpenFilesThatCannotBeRaisedIsOneClearLine) {
  test::temporary_folder folder;
  auto child = ::fork();  // a hard limit stays lowered
  if (child == 0) {
    rlimit hard{1024, 1024};
    ::setrlimit(RLIMIT_NOFILE, &hard);
    try {
      open_segments(folder.path(), std::vector<std::uint64_t>(1000, device_page));
      ::_exit(1);
    } catch (const open_error& e) {
      std::string line = e.what();
      bool clear = line.find("1000 segment files") != std::string::npos && line.find("1024") != std::string::npos &&
                   line.find("--disk-size") != std::string::npos && line.find('\n') == std::string::npos;
      ::_exit(clear ? 0 : 2);
    }
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Segments, WhatALargerStoreLeftBehindGoes) {
  test::temporary_folder folder;
  open_segments(folder.path(), {4 * device_page, 4 * device_page, 4 * device_page});
  open_segments(folder.path(), {4 * device_page, device_page});
  EXPECT_EQ(std::filesystem::file_size(folder / "segment-0000.kv"), 4 * device_page);
  EXPECT_EQ(std::filesystem::file_size(folder / "segment-0001.kv"), device_page);
  EXPECT_FALSE(std::filesystem::exists(folder / "segment-0002.kv"));
}

TEST(Segments, WhatIsThereIsKeptWhenASegmentGrows) {
  test::temporary_folder folder;
  open_segments(folder.path(), {device_page});
  std::ofstream{folder / "segment-0000.kv", std::ios::in | std::ios::binary} << "kept";
  open_segments(folder.path(), {4 * device_page, device_page});
  EXPECT_EQ(std::filesystem::file_size(folder / "segment-0000.kv"), 4 * device_page);
  std::string start(4, ' ');
  std::ifstream{folder / "segment-0000.kv"}.read(start.data(), 4);
  EXPECT_EQ(start, "kept");
}

TEST(MemoryDevice, AnUrgentReadOvertakesPrefetchesAndWrites) {
  memory_device device{{64 * device_page}, {}, 4};
  auto block = kv::plain_memory(64 * device_page);
  std::string order;
  auto note = [&](char c) { return [&order, c](int) { order += c; }; };
  for (std::size_t i = 0; i < 6; ++i) {
    device.write({0, 0}, block.bytes().first(device_page), urgency::saving, note('s'));
    device.read({0, 0}, block.bytes().first(device_page), urgency::ahead_of_need, note('a'));
  }
  device.poll(1);  // two prefetches and a write are in the kernel
  EXPECT_EQ(order, "a");
  for (std::size_t i = 0; i < 3; ++i)
    device.read({0, 0}, block.bytes().first(device_page), urgency::turn_waits, note('t'));
  device.poll();
  EXPECT_EQ(order.size(), 15u);
  EXPECT_LT(order.rfind('t'), 7u) << order;
  EXPECT_GT(order.find_last_of('a'), order.rfind('t')) << order;
}

TEST(MemoryDevice, ACancelledReadDoesNotTouchItsMemory) {
  memory_device device{{device_page}};
  auto block = kv::plain_memory(device_page);
  std::fill(block.bytes().begin(), block.bytes().end(), std::byte{9});
  int ended = 0;
  auto id = device.read({0, 0}, block.bytes(), urgency::turn_waits, [&](int error) { ended = error; });
  EXPECT_TRUE(device.cancel(id));
  EXPECT_EQ(ended, 0) << "not from inside the call";
  EXPECT_TRUE(device.poll());
  EXPECT_EQ(ended, ECANCELED);
  EXPECT_EQ(block.bytes()[0], std::byte{9});
  EXPECT_FALSE(device.poll());
}

}  // namespace
}  // namespace chromatin::io
