#include "io/slow_device.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <queue>
#include <thread>
#include <utility>

namespace chromatin::io {
namespace {

using clock = std::chrono::steady_clock;

clock::duration from_us(double us) {
  return std::chrono::duration_cast<clock::duration>(std::chrono::duration<double, std::micro>{us});
}

class slow_device final : public device {
 public:
  slow_device(std::unique_ptr<device> behind, const device_speed& speed)
      : device{behind->segments(), speed.running_max}, behind_{std::move(behind)}, speed_{speed} {
    thread_ = std::thread{[this] { run(); }};
  }

  ~slow_device() override {
    {
      std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    behind_.reset();  // its last call of us is over then
  }

 protected:
  void wake() override {
    {
      std::lock_guard lock{mutex_};
      changes_ = true;
    }
    changed_.notify_one();
  }

 private:
  struct delayed {
    clock::time_point due;
    operation op;
  };

  void run() {
    while (true) {
      while (auto op = next()) {
        auto due = due_after(op->what == operation::kind::sync ? 0 : op->size_bytes);
        delayed_.push({due, *std::move(op)});
      }
      while (!delayed_.empty() && delayed_.front().due <= clock::now()) {
        auto op = std::move(delayed_.front().op);
        delayed_.pop();
        pass_on(std::move(op));
      }
      std::unique_lock lock{mutex_};
      if (stopping_ && idle()) return;
      auto changed = [this] { return std::exchange(changes_, false) || (stopping_ && idle()); };
      if (delayed_.empty())
        changed_.wait(lock, changed);
      else
        changed_.wait_until(lock, delayed_.front().due, changed);
    }
  }

  /// When a disk would have carried this out that got everything before it first.
  clock::time_point due_after(std::size_t bytes) {
    auto begins = std::max(clock::now() + from_us(speed_.latency_us), free_at_);
    return free_at_ = begins + from_us(1e6 * static_cast<double>(bytes) / speed_.bytes_per_s);
  }

  void pass_on(operation op) {
    auto what = op.what;
    auto where = op.where;
    auto bytes = std::span{op.data, op.size_bytes};
    auto wanted = op.wanted;
    auto done = [this, op = std::make_shared<operation>(std::move(op))](int error) {
      auto size = static_cast<std::int64_t>(op->size_bytes);
      answered(std::move(*op), error == 0 ? size : -error);
      wake();
    };
    if (what == operation::kind::read)
      behind_->read(where, bytes, wanted, std::move(done));
    else if (what == operation::kind::write)
      behind_->write(where, bytes, wanted, std::move(done));
    else
      behind_->sync(where.segment, std::move(done));
  }

  std::unique_ptr<device> behind_;
  const device_speed speed_;
  clock::time_point free_at_{};  ///< of the thread, as is the line
  std::queue<delayed> delayed_;  ///< in the order in which they are due
  std::mutex mutex_;
  std::condition_variable changed_;
  bool changes_ = false;   ///< guarded by mutex_
  bool stopping_ = false;  ///< guarded by mutex_
  std::thread thread_;
};

}  // namespace

std::unique_ptr<device> make_slow_device(std::unique_ptr<device> behind, const device_speed& speed) {
  return std::make_unique<slow_device>(std::move(behind), speed);
}

}  // namespace chromatin::io
