#include "io/uring_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include <fmt/format.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

/// One transfer or sync from its order to its end. Owned by the queue, then by the kernel (as user data), then by the
/// reaper.
struct operation {
  enum class kind { read, write, sync } what;
  std::uint32_t segment;
  std::uint64_t offset_bytes;
  std::byte* data;
  std::size_t size_bytes;
  io_done done;
};

/// The kernel takes at most this much of one registered buffer.
constexpr std::size_t registered_piece_bytes = std::size_t{1} << 30;

/// One thread owns the ring: it alone submits and reaps, so the ring needs no lock. Others put operations into `queue_`
/// and wake it through an eventfd that the ring itself reads; no polling.
class uring_device final : public device {
 public:
  uring_device(segment_files files, const uring_options& options);
  ~uring_device() override;

 protected:
  void do_read(extent from, std::span<std::byte> into, io_done done) override {
    enqueue({operation::kind::read, from.segment, from.offset_bytes, into.data(), into.size(), std::move(done)});
  }
  void do_write(extent to, std::span<const std::byte> from, io_done done) override {
    enqueue({operation::kind::write, to.segment, to.offset_bytes, const_cast<std::byte*>(from.data()), from.size(),
             std::move(done)});
  }
  void do_sync(std::uint32_t segment, io_done done) override {
    enqueue({operation::kind::sync, segment, 0, nullptr, 0, std::move(done)});
  }

 private:
  void enqueue(operation op);
  void run();
  bool take_new();
  void submit_waiting();
  bool prepare(operation& op);
  void watch_wakeup();
  void reap();
  void complete(operation* op, int result);
  int registered_index(const operation& op) const;

  segment_files files_;
  std::uint32_t queue_depth_;
  std::span<std::byte> registered_;
  io_uring ring_{};
  int wakeup_ = -1;
  std::uint64_t wakeup_count_ = 0;  ///< the kernel writes here
  std::mutex mutex_;
  std::deque<operation> queue_;  ///< guarded by mutex_
  bool stopping_ = false;        ///< guarded by mutex_
  std::deque<std::unique_ptr<operation>> waiting_;
  std::uint32_t in_kernel_ = 0;
  bool watching_ = false;
  std::thread thread_;
};

uring_device::uring_device(segment_files files, const uring_options& options)
    : files_{std::move(files)}, queue_depth_{std::max(1u, options.queue_depth)} {
  if (int error = ::io_uring_queue_init(queue_depth_ + 1, &ring_, 0); error < 0)
    throw open_error(fmt::format("io_uring is refused by this system: {}", std::strerror(-error)));
  std::vector<iovec> pieces;
  for (std::size_t at = 0; at < options.registered.size(); at += registered_piece_bytes)
    pieces.push_back(
        {options.registered.data() + at, std::min(registered_piece_bytes, options.registered.size() - at)});
  if (!pieces.empty() && ::io_uring_register_buffers(&ring_, pieces.data(), static_cast<unsigned>(pieces.size())) == 0)
    registered_ = options.registered;  // refused, as by a small RLIMIT_MEMLOCK: plain buffers do
  wakeup_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread{[this] { run(); }};
}

uring_device::~uring_device() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wakeup_, &one, sizeof one);
  thread_.join();
  ::io_uring_queue_exit(&ring_);
  ::close(wakeup_);
}

void uring_device::enqueue(operation op) {
  if (op.segment >= files_.files.size()) throw std::invalid_argument("no such segment");
  {
    std::lock_guard lock{mutex_};
    queue_.push_back(std::move(op));
  }
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wakeup_, &one, sizeof one);
}

void uring_device::run() {
  while (true) {
    bool stopping = take_new();
    if (stopping && waiting_.empty() && in_kernel_ == 0) return;
    submit_waiting();
    if (!watching_) watch_wakeup();
    int result = ::io_uring_submit_and_wait(&ring_, 1);
    // EINTR: a signal; EAGAIN, EBUSY: the kernel is short of memory or completions must be reaped first. All three:
    // reap, go round.
    if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) std::abort();
    reap();
  }
}

bool uring_device::take_new() {
  std::lock_guard lock{mutex_};
  for (auto& op : queue_) waiting_.push_back(std::make_unique<operation>(std::move(op)));
  queue_.clear();
  return stopping_;
}

void uring_device::submit_waiting() {
  while (!waiting_.empty() && in_kernel_ < queue_depth_ && prepare(*waiting_.front())) {
    waiting_.front().release();  // until its completion comes
    waiting_.pop_front();
    ++in_kernel_;
  }
}

int uring_device::registered_index(const operation& op) const {
  if (registered_.empty() || op.data < registered_.data()) return -1;
  auto at = static_cast<std::size_t>(op.data - registered_.data());
  auto piece = at / registered_piece_bytes;
  if (at + op.size_bytes > registered_.size() || (at + op.size_bytes - 1) / registered_piece_bytes != piece) return -1;
  return static_cast<int>(piece);
}

/// False when the ring's submission queue is full: the operation stays first in line.
bool uring_device::prepare(operation& op) {
  auto* entry = ::io_uring_get_sqe(&ring_);
  if (!entry) return false;
  int fd = files_.files[op.segment].get();
  int buffer = registered_index(op);
  auto size = static_cast<unsigned>(op.size_bytes);
  switch (op.what) {
    case operation::kind::read:
      if (buffer >= 0)
        ::io_uring_prep_read_fixed(entry, fd, op.data, size, op.offset_bytes, buffer);
      else
        ::io_uring_prep_read(entry, fd, op.data, size, op.offset_bytes);
      break;
    case operation::kind::write:
      if (buffer >= 0)
        ::io_uring_prep_write_fixed(entry, fd, op.data, size, op.offset_bytes, buffer);
      else
        ::io_uring_prep_write(entry, fd, op.data, size, op.offset_bytes);
      break;
    case operation::kind::sync:
      ::io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
  }
  ::io_uring_sqe_set_data(entry, &op);
  return true;
}

void uring_device::watch_wakeup() {
  auto* entry = ::io_uring_get_sqe(&ring_);
  if (!entry) return;  // the queue is full, so there will be completions to wake up for
  ::io_uring_prep_read(entry, wakeup_, &wakeup_count_, sizeof wakeup_count_, 0);
  ::io_uring_sqe_set_data(entry, nullptr);
  watching_ = true;
}

void uring_device::reap() {
  // Completions are taken out of the ring first and called afterwards: what they call may order new operations.
  std::vector<std::pair<operation*, int>> done;
  io_uring_cqe* completion = nullptr;
  while (::io_uring_peek_cqe(&ring_, &completion) == 0) {
    done.emplace_back(static_cast<operation*>(::io_uring_cqe_get_data(completion)), completion->res);
    ::io_uring_cqe_seen(&ring_, completion);
  }
  for (auto [op, result] : done) {
    if (op)
      complete(op, result);
    else
      watching_ = false;
  }
}

void uring_device::complete(operation* raw, int result) {
  std::unique_ptr<operation> op{raw};
  --in_kernel_;
  if (result == -EINTR || result == -EAGAIN) {  // try again as it was
    waiting_.push_back(std::move(op));
  } else if (result < 0) {
    op->done(-result);
  } else if (op->what == operation::kind::sync || static_cast<std::size_t>(result) == op->size_bytes) {
    op->done(0);
  } else if (result == 0) {
    op->done(EIO);  // past the end of the file
  } else {          // came short: go on behind it
    auto moved = static_cast<std::size_t>(result) / alignment_bytes * alignment_bytes;
    op->data += moved;
    op->offset_bytes += moved;
    op->size_bytes -= moved;
    waiting_.push_back(std::move(op));
  }
}

}  // namespace

std::unique_ptr<device> make_uring_device(segment_files files, const uring_options& options) {
  return std::make_unique<uring_device>(std::move(files), options);
}

}  // namespace chromatin::io
