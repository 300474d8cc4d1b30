#pragma once

/// Segment files through io_uring, with direct I/O where the file system grants it.

#include "io/ring.hpp"
#include "io/segments.hpp"

namespace chromatin::io {

/// `queue_depth`: operations in the kernel at one time; more wait in line. Throws open_error where io_uring is refused.
std::unique_ptr<device> make_uring_device(segment_files files, std::uint32_t queue_depth = 64);

/// The same over a ring that takes at least `queue_depth` operations; for tests.
std::unique_ptr<device> make_uring_device(segment_files files, std::uint32_t queue_depth, std::unique_ptr<ring> ring);

}  // namespace chromatin::io
