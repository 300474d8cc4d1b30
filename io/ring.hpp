#pragma once

/// The kernel's side of io_uring: a submission and a completion queue, and a way to wake up who waits for them. Behind
/// an interface so that tests can have every answer of the kernel.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "io/operation.hpp"

namespace chromatin::io {

/// One thread prepares, waits and reaps; any thread wakes.
class ring {
 public:
  struct completion {
    operation_id id = 0;
    std::int32_t answer = 0;  ///< bytes moved, or a negative errno value
  };

  virtual ~ring() = default;

  /// Puts the operation, or its first `piece_bytes_max`, into the submission queue. False when that is full: submit
  /// first.
  virtual bool prepare(const operation& op, int fd) = 0;
  /// Submits what was prepared and waits for a completion or a wake-up. 0, or a negative errno value; what was prepared
  /// then stays in the queue.
  virtual int submit_and_wait() = 0;
  /// The next completion, if there is one.
  virtual std::optional<completion> reap() = 0;
  /// Ends a `submit_and_wait`, the next one if none is under way.
  virtual void wake() noexcept = 0;
};

/// Buffers are not registered with the kernel: that would touch all memory of an arena at the start, which takes
/// seconds, and transfers are no faster for it. Throws open_error where io_uring is refused.
std::unique_ptr<ring> make_ring(std::uint32_t queue_depth);

/// Whether to go on after a `submit_and_wait` that failed: true for what passes by itself.
bool passes_by_itself(int submit_error);

}  // namespace chromatin::io
