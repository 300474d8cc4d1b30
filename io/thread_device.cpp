#include "io/thread_device.hpp"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace chromatin::io {
namespace {

class thread_device final : public device {
 public:
  thread_device(segment_files files, std::uint32_t threads) : files_{std::move(files)} {
    for (std::uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }

  ~thread_device() override {
    {
      std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    for (auto& t : threads_) t.join();
  }

 protected:
  void do_read(extent from, std::span<std::byte> into, io_done done) override {
    int fd = files_.files.at(from.segment).get();
    enqueue([=, done = std::move(done)] {
      done(transfer(into.size(), [=](std::size_t moved) {
        return ::pread(fd, into.data() + moved, into.size() - moved, static_cast<off_t>(from.offset_bytes + moved));
      }));
    });
  }

  void do_write(extent to, std::span<const std::byte> from, io_done done) override {
    int fd = files_.files.at(to.segment).get();
    enqueue([=, done = std::move(done)] {
      done(transfer(from.size(), [=](std::size_t moved) {
        return ::pwrite(fd, from.data() + moved, from.size() - moved, static_cast<off_t>(to.offset_bytes + moved));
      }));
    });
  }

  void do_sync(std::uint32_t segment, io_done done) override {
    int fd = files_.files.at(segment).get();
    enqueue([fd, done = std::move(done)] { done(::fdatasync(fd) == 0 ? 0 : errno); });
  }

 private:
  /// Calls until everything has moved; an errno value or 0.
  template <class Call>
  static int transfer(std::size_t size, Call call) {
    for (std::size_t moved = 0; moved < size;) {
      auto result = call(moved);
      if (result < 0 && errno == EINTR) continue;
      if (result < 0) return errno;
      if (result == 0) return EIO;
      moved += static_cast<std::size_t>(result);
    }
    return 0;
  }

  void enqueue(std::function<void()> work) {
    {
      std::lock_guard lock{mutex_};
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

  void run() {
    std::unique_lock lock{mutex_};
    while (true) {
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  segment_files files_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<device> make_thread_device(segment_files files, std::uint32_t threads) {
  return std::make_unique<thread_device>(std::move(files), threads);
}

}  // namespace chromatin::io
