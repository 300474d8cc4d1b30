#pragma once

/// Asynchronous reads and writes of aligned extents of numbered segment files.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

namespace chromatin::io {

/// Where bytes stand. Offsets, and the lengths and addresses of memory, are multiples of `alignment_bytes` (direct
/// I/O).
struct extent {
  std::uint32_t segment = 0;
  std::uint64_t offset_bytes = 0;

  bool operator==(const extent&) const = default;
};

inline constexpr std::size_t alignment_bytes = 4096;

/// How an operation ended: 0 or an errno value. A transfer that came short is never reported as done.
using io_done = std::function<void(int error)>;

struct device_counters {
  std::int64_t reads = 0, writes = 0, syncs = 0, errors = 0, bytes_read = 0, bytes_written = 0;
};

/// A set of segment files. The public functions check and count; what they hand on to is the kind of device.
///
/// Any thread may call. Memory must stay valid until `done` was called: exactly once, on the device's own thread (for a
/// manual device: in poll()), never from inside the call that started the operation. `done` must not block.
class device {
 public:
  virtual ~device() = default;

  void read(extent from, std::span<std::byte> into, io_done done);
  void write(extent to, std::span<const std::byte> from, io_done done);
  /// Everything whose write was done before this call is durable when the sync is done.
  void sync(std::uint32_t segment, io_done done);
  device_counters counters() const;

 protected:
  virtual void do_read(extent from, std::span<std::byte> into, io_done done) = 0;
  virtual void do_write(extent to, std::span<const std::byte> from, io_done done) = 0;
  virtual void do_sync(std::uint32_t segment, io_done done) = 0;

 private:
  io_done counted(io_done done);

  std::atomic<std::int64_t> reads_{0}, writes_{0}, syncs_{0}, errors_{0}, bytes_read_{0}, bytes_written_{0};
};

/// A store or device that cannot be opened. One line: what, where, and the way out.
struct open_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace chromatin::io
