#pragma once

/// Asynchronous reads and writes of aligned extents of numbered segment files, by urgency.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <vector>

#include "io/operation.hpp"
#include "io/operation_line.hpp"

namespace chromatin::io {

/// Operations that ended without an error, those that ended with one, and what was moved.
struct device_counters {
  std::int64_t reads = 0, writes = 0, syncs = 0, errors = 0, bytes_read = 0, bytes_written = 0;
};

/// A set of segment files. The public functions check, count and put into line; a kind of device carries out.
///
/// Any thread may call. Memory must stay valid until `done` was called: exactly once, on the device's own thread (for a
/// manual device: in poll()), never from inside the call that started or cancelled the operation. `done` must not
/// block. A device that is destroyed ends all operations first (a manual one forgets them).
class device {
 public:
  virtual ~device() = default;

  operation_id read(extent from, std::span<std::byte> into, urgency wanted, io_done done);
  operation_id write(extent to, std::span<const std::byte> from, urgency wanted, io_done done);
  /// Everything whose write was done before this call is durable when the sync is done.
  operation_id sync(std::uint32_t segment, io_done done);
  /// True if the operation has not begun: its `done` then comes with ECANCELED, and its memory is not touched any more.
  /// False if the kernel has it, or had it: it ends as it would have.
  bool cancel(operation_id id);
  device_counters counters() const;
  std::uint32_t segments() const { return segments_; }

 protected:
  device(std::uint32_t segments, std::uint32_t running_max) : segments_{segments}, line_{running_max} {}

  /// There is something new in the line. Called without a lock, from any thread.
  virtual void wake() = 0;

  // For the device's own threads. They call `done`s, so no lock may be held.

  /// The operation to carry out next, which then counts as running; ends those that were cancelled.
  std::optional<operation> next();
  /// The kernel answered a running operation with bytes moved, or a negative errno value: ends it or puts it first in
  /// its line again.
  void answered(operation op, std::int64_t answer);
  /// The kernel did not take a running operation: it is first in its line again.
  void put_back(operation op);
  /// Nothing waits or runs.
  bool idle() const;
  /// As if the power were cut: what waits or runs never ends.
  void forget_all();

 private:
  operation_id start(operation op);
  void count(const operation& op, bool again, int error, std::size_t moved_bytes);

  const std::uint32_t segments_;
  mutable std::mutex mutex_;
  operation_line line_;       ///< guarded by mutex_
  operation_id last_id_ = 0;  ///< guarded by mutex_
  std::atomic<std::int64_t> reads_{0}, writes_{0}, syncs_{0}, errors_{0}, bytes_read_{0}, bytes_written_{0};
};

/// A store or device that cannot be opened. One line: what, where, and the way out.
struct open_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace chromatin::io
