#pragma once

/// Segment files through plain blocking calls on a few threads: where the system refuses io_uring, as many containers
/// do.

#include "io/segments.hpp"

namespace chromatin::io {

std::unique_ptr<device> make_thread_device(segment_files files, std::uint32_t threads);

}  // namespace chromatin::io
