// The io_uring device over a ring that gives every answer a kernel can give, on real files.

#include "io/uring_device.hpp"

#include <cerrno>
#include <future>
#include <map>
#include <mutex>
#include <random>

#include <gtest/gtest.h>

#include "kv/page.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::io {
namespace {

constexpr std::size_t ring_page = 4096;

struct ring_counts {
  std::atomic<int> full{0}, interrupted{0}, cut{0}, put_off{0};
};

/// A real ring whose answers are spoiled, as a seed decides: a full queue, a failed submission, transfers that come
/// short, completions that say "later". Spoiled answers are such as the kernel may give.
class unkind_ring final : public ring {
 public:
  unkind_ring(std::unique_ptr<ring> real, std::uint64_t seed, ring_counts& counts)
      : real_{std::move(real)}, random_{seed}, counts_{counts} {}

  bool prepare(const operation& op, int fd) override {
    if (prepared_ > 0 && one_in(8)) return ++counts_.full, false;
    auto shorter = op;
    if (op.size_bytes > ring_page && one_in(3)) {
      shorter.size_bytes = ring_page * (1 + random_() % (op.size_bytes / ring_page - 1));
      ++counts_.cut;
    }
    if (!real_->prepare(shorter, fd)) return false;
    ++prepared_;
    return true;
  }

  int submit_and_wait() override {
    constexpr int passing[] = {EINTR, EAGAIN, EBUSY, ENOMEM};
    if (one_in(6)) return ++counts_.interrupted, -passing[random_() % 4];
    prepared_ = 0;
    return real_->submit_and_wait();
  }

  std::optional<completion> reap() override {
    auto c = real_->reap();
    if (!c) return c;
    if (c->answer > 0 && one_in(5)) {
      ++counts_.put_off;
      c->answer = one_in(2) ? -EAGAIN : -EINTR;
    } else if (c->answer > static_cast<int>(ring_page) && one_in(5)) {
      c->answer -= 512;  // not even a whole block
      ++counts_.cut;
    }
    return c;
  }

  void wake() noexcept override { real_->wake(); }

 private:
  bool one_in(std::uint64_t n) { return random_() % n == 0; }

  std::unique_ptr<ring> real_;
  std::mt19937_64 random_;
  ring_counts& counts_;
  int prepared_ = 0;
};

class UringDevice : public testing::Test {
 protected:
  void SetUp() override {
    try {
      make_ring(1);
    } catch (const open_error& e) {
      GTEST_SKIP() << e.what();
    }
  }
  test::temporary_folder folder_;
};

TEST_F(UringDevice, NothingThatTheKernelAnswersLosesOrMixesBytes) {
  constexpr std::size_t extents = 24, pages = 8;
  ring_counts counts;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    auto memory = kv::plain_memory(2 * extents * pages * ring_page);
    auto half = memory.bytes().size() / 2;
    auto written = memory.bytes().first(half), got = memory.bytes().subspan(half);
    std::mt19937_64 random{seed};
    for (auto& b : written) b = static_cast<std::byte>(random());
    auto all = [&](auto start) {
      std::promise<void> done;
      std::atomic<std::size_t> left{extents};
      for (std::size_t i = 0; i < extents; ++i)
        start(extent{0, i * pages * ring_page}, i * pages * ring_page, [&](int error) {
          EXPECT_EQ(error, 0);
          if (--left == 0) done.set_value();
        });
      done.get_future().get();
    };
    auto files = open_segments(folder_.path(), {extents * pages * ring_page});
    auto d = make_uring_device(std::move(files), 4, std::make_unique<unkind_ring>(make_ring(4), seed, counts));
    all([&](extent e, std::size_t at, io_done done) {
      d->write(e, written.subspan(at, pages * ring_page), urgency::saving, std::move(done));
    });
    std::promise<int> synced;
    d->sync(0, [&](int error) { synced.set_value(error); });
    EXPECT_EQ(synced.get_future().get(), 0);
    all([&](extent e, std::size_t at, io_done done) {
      d->read(e, got.subspan(at, pages * ring_page), static_cast<urgency>(at / ring_page % 3), std::move(done));
    });
    ASSERT_TRUE(std::equal(written.begin(), written.end(), got.begin()));
  }
  EXPECT_GT(counts.full, 0);
  EXPECT_GT(counts.interrupted, 0);
  EXPECT_GT(counts.cut, 0);
  EXPECT_GT(counts.put_off, 0);
}

/// A ring without a kernel: answers what the test says, in the order of preparation.
class scripted_ring final : public ring {
 public:
  explicit scripted_ring(std::map<operation_id, int> answers) : answers_{std::move(answers)} {}

  bool prepare(const operation& op, int) override { return prepared_.push_back(op.id), true; }
  int submit_and_wait() override {
    std::unique_lock lock{mutex_};
    woken_.wait(lock, [&] { return wakes_ > 0 || !prepared_.empty(); });
    wakes_ = 0;
    return 0;
  }
  std::optional<completion> reap() override {
    if (prepared_.empty()) return {};
    completion c{prepared_.front(), answers_.at(prepared_.front())};
    prepared_.pop_front();
    return c;
  }
  void wake() noexcept override {
    std::lock_guard lock{mutex_};
    ++wakes_;
    woken_.notify_one();
  }

 private:
  std::map<operation_id, int> answers_;
  std::deque<operation_id> prepared_;
  std::mutex mutex_;
  std::condition_variable woken_;
  int wakes_ = 0;
};

TEST_F(UringDevice, AnErrorOfOneOperationIsItsOwn) {
  auto memory = kv::plain_memory(ring_page);
  auto d = make_uring_device(open_segments(folder_.path(), {ring_page}), 4,
                             std::make_unique<scripted_ring>(std::map<operation_id, int>{
                                 {1, -EIO}, {2, 4096}, {3, -EAGAIN}, {4, -ENOSPC}, {5, 100}, {6, 0}}));
  std::vector<int> errors;
  for (int i = 0; i < 6; ++i) {
    std::promise<int> done;
    d->read({0, 0}, memory.bytes(), urgency::turn_waits, [&](int error) { done.set_value(error); });
    errors.push_back(done.get_future().get());
  }
  EXPECT_EQ(errors, (std::vector<int>{EIO, 0, EAGAIN, ENOSPC, EIO, EIO}));
  EXPECT_EQ(d->counters().errors, 5);
}

TEST_F(UringDevice, ASubmissionThatCannotBeMendedEndsTheProcessAndSaysSo) {
  for (int error : {EINTR, EAGAIN, EBUSY, ENOMEM}) EXPECT_TRUE(passes_by_itself(error)) << error;
  for (int error : {EBADF, EFAULT, EINVAL, ENXIO, EOPNOTSUPP}) EXPECT_FALSE(passes_by_itself(error)) << error;
}

}  // namespace
}  // namespace chromatin::io
