#include "io/uring_device.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <unordered_map>

#include "kv/check.hpp"

namespace chromatin::io {
namespace {

/// One thread owns the ring: it alone submits and reaps, so the ring needs no lock.
class uring_device final : public device {
 public:
  uring_device(segment_files files, std::uint32_t queue_depth, std::unique_ptr<ring> r)
      : device{static_cast<std::uint32_t>(files.files.size()), queue_depth},
        files_{std::move(files)},
        ring_{std::move(r)},
        thread_{[this] { run(); }} {}

  ~uring_device() override {
    stopping_ = true;
    ring_->wake();
    thread_.join();
  }

 protected:
  void wake() override { ring_->wake(); }

 private:
  void run();
  void prepare();
  void submit();
  bool reap();

  segment_files files_;
  std::unique_ptr<ring> ring_;
  std::unordered_map<operation_id, operation> in_kernel_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

void uring_device::run() {
  while (true) {
    prepare();
    if (stopping_ && idle()) return;
    submit();
    while (reap()) {
    }
  }
}

void uring_device::prepare() {
  while (auto op = next()) {
    if (!ring_->prepare(*op, files_.files[op->where.segment].get())) return put_back(std::move(*op));
    auto id = op->id;
    in_kernel_.emplace(id, std::move(*op));
  }
}

void uring_device::submit() {
  int error = -ring_->submit_and_wait();
  if (error == 0) return;
  // Anything else says that the ring or our use of it is broken. The kernel may still write into pages: nobody could go
  // on safely.
  CHROMATIN_CHECK(passes_by_itself(error), "io_uring_enter failed with an error that does not pass");
  // A shortage in the kernel: do not ask again and again without a pause.
  if (error != EINTR && error != EBUSY) std::this_thread::sleep_for(std::chrono::milliseconds{1});
}

bool uring_device::reap() {
  auto completion = ring_->reap();
  if (!completion) return false;
  auto node = in_kernel_.extract(completion->id);
  CHROMATIN_CHECK(!node.empty(), "the kernel ends what it was given, once");
  answered(std::move(node.mapped()), completion->answer);
  return true;
}

}  // namespace

std::unique_ptr<device> make_uring_device(segment_files files, std::uint32_t queue_depth, std::unique_ptr<ring> ring) {
  return std::make_unique<uring_device>(std::move(files), std::max(1u, queue_depth), std::move(ring));
}

std::unique_ptr<device> make_uring_device(segment_files files, std::uint32_t queue_depth) {
  auto depth = std::max(1u, queue_depth);
  return make_uring_device(std::move(files), depth, make_ring(depth));
}

}  // namespace chromatin::io
