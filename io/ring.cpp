#include "io/ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fmt/format.h>
#include <liburing.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "io/device.hpp"

namespace chromatin::io {
namespace {

/// Names the read of the eventfd in the completion queue; no operation has this id.
constexpr operation_id wakeup_id = 0;

/// Who wakes writes to an eventfd that the ring itself reads: no polling.
class kernel_ring final : public ring {
 public:
  explicit kernel_ring(std::uint32_t queue_depth);
  ~kernel_ring() override;

  bool prepare(const operation& op, int fd) override;
  int submit_and_wait() override;
  std::optional<completion> reap() override;
  void wake() noexcept override;

 private:
  void watch_wakeup();

  io_uring ring_{};
  int wakeup_ = -1;
  std::uint64_t wakeup_count_ = 0;  ///< the kernel writes here
  bool watching_ = false;
};

kernel_ring::kernel_ring(std::uint32_t queue_depth) {
  if (int error = ::io_uring_queue_init(queue_depth + 1, &ring_, 0); error < 0)
    throw open_error(fmt::format("io_uring is refused by this system: {}", std::strerror(-error)));
  wakeup_ = ::eventfd(0, EFD_CLOEXEC);
  if (wakeup_ < 0) {
    int error = errno;
    ::io_uring_queue_exit(&ring_);
    throw open_error(fmt::format("io_uring has no event descriptor: {}", std::strerror(error)));
  }
}

kernel_ring::~kernel_ring() {
  ::io_uring_queue_exit(&ring_);
  ::close(wakeup_);
}

bool kernel_ring::prepare(const operation& op, int fd) {
  auto* entry = ::io_uring_get_sqe(&ring_);
  if (!entry) return false;
  auto size = static_cast<unsigned>(std::min(op.size_bytes, piece_bytes_max));
  auto offset = op.where.offset_bytes;
  switch (op.what) {
    case operation::kind::read:
      ::io_uring_prep_read(entry, fd, op.data, size, offset);
      break;
    case operation::kind::write:
      ::io_uring_prep_write(entry, fd, op.data, size, offset);
      break;
    case operation::kind::sync:
      ::io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
  }
  entry->user_data = op.id;
  return true;
}

void kernel_ring::watch_wakeup() {
  auto* entry = ::io_uring_get_sqe(&ring_);
  if (!entry) return;  // the queue is full, so there will be completions to wake up for
  ::io_uring_prep_read(entry, wakeup_, &wakeup_count_, sizeof wakeup_count_, 0);
  entry->user_data = wakeup_id;
  watching_ = true;
}

int kernel_ring::submit_and_wait() {
  if (!watching_) watch_wakeup();
  return std::min(0, ::io_uring_submit_and_wait(&ring_, 1));
}

std::optional<ring::completion> kernel_ring::reap() {
  io_uring_cqe* entry = nullptr;
  while (::io_uring_peek_cqe(&ring_, &entry) == 0) {
    completion result{entry->user_data, entry->res};
    ::io_uring_cqe_seen(&ring_, entry);
    if (result.id != wakeup_id) return result;
    watching_ = false;
  }
  return {};
}

void kernel_ring::wake() noexcept {
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wakeup_, &one, sizeof one);
}

}  // namespace

std::unique_ptr<ring> make_ring(std::uint32_t queue_depth) { return std::make_unique<kernel_ring>(queue_depth); }

bool passes_by_itself(int submit_error) {
  switch (submit_error) {
    case EINTR:   // a signal came
    case EAGAIN:  // the kernel is short of memory or of requests
    case ENOMEM:
    case EBUSY:  // completions must be reaped first
      return true;
    default:
      return false;
  }
}

}  // namespace chromatin::io
