#include "io/thread_device.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <thread>

#include <unistd.h>

namespace chromatin::io {
namespace {

class thread_device final : public device {
 public:
  thread_device(segment_files files, std::uint32_t threads)
      : device{static_cast<std::uint32_t>(files.files.size()), std::max(1u, threads)}, files_{std::move(files)} {
    for (std::uint32_t i = 0; i < std::max(1u, threads); ++i) threads_.emplace_back([this] { run(); });
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
  void wake() override {
    {
      std::lock_guard lock{mutex_};
      ++changes_;
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::uint64_t seen = 0;
    while (true) {
      while (auto op = next()) {
        auto answer = carry_out(*op);
        answered(std::move(*op), answer);
      }
      std::unique_lock lock{mutex_};
      if (stopping_ && idle()) {
        changed_.notify_all();  // who waited for this thread's last operation may end too
        return;
      }
      if (changes_ == seen) changed_.wait(lock);
      seen = changes_;
    }
  }

  std::int64_t carry_out(const operation& op) {
    int fd = files_.files[op.where.segment].get();
    auto size = std::min(op.size_bytes, piece_bytes_max);
    auto offset = static_cast<off_t>(op.where.offset_bytes);
    std::int64_t result = 0;
    switch (op.what) {
      case operation::kind::read:
        result = ::pread(fd, op.data, size, offset);
        break;
      case operation::kind::write:
        result = ::pwrite(fd, op.data, size, offset);
        break;
      case operation::kind::sync:
        result = ::fdatasync(fd);
    }
    return result < 0 ? -errno : result;
  }

  segment_files files_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t changes_ = 0;  ///< guarded by mutex_: of the line, so that none is missed between a look and the wait
  bool stopping_ = false;      ///< guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<device> make_thread_device(segment_files files, std::uint32_t threads) {
  return std::make_unique<thread_device>(std::move(files), threads);
}

}  // namespace chromatin::io
