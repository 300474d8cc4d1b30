#pragma once

/// Segment files through io_uring, with direct I/O and registered buffers where the system grants them.

#include "io/ring.hpp"
#include "io/segments.hpp"

namespace chromatin::io {

struct uring_options {
  std::uint32_t queue_depth = 64;  ///< operations in the kernel at one time; more wait in line
  std::span<std::byte> registered =
      {};  ///< memory most transfers use (an arena); registered with the kernel when that is allowed
};

/// Throws open_error where io_uring is refused.
std::unique_ptr<device> make_uring_device(segment_files files, const uring_options& options);

/// The same over a ring that takes at least `queue_depth` operations; for tests.
std::unique_ptr<device> make_uring_device(segment_files files, std::uint32_t queue_depth, std::unique_ptr<ring> ring);

}  // namespace chromatin::io
