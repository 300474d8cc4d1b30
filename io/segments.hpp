#pragma once

/// The segment files of a store: large preallocated files, `segment-0000.kv`, `segment-0001.kv`, …; see
/// docs/formats.md.

#include <filesystem>
#include <vector>

#include "io/device.hpp"

namespace chromatin::io {

/// A file descriptor that closes itself.
class file_descriptor {
 public:
  explicit file_descriptor(int fd = -1) : fd_{fd} {}
  ~file_descriptor();
  file_descriptor(file_descriptor&& other) noexcept;
  file_descriptor& operator=(file_descriptor&& other) noexcept;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::filesystem::path segment_name(const std::filesystem::path& folder, std::size_t number);

struct segment_files {
  std::vector<file_descriptor> files;
  bool direct = true;  ///< false where the file system refuses O_DIRECT
};

/// Opens `sizes_bytes.size()` segments in `folder`: makes and preallocates what is missing or shorter, cuts what is
/// longer, removes segments beyond the last. Raises the process's limit of open files where it is too low and may be
/// raised. Throws open_error, for a full disk too, and then leaves no half-made segment behind.
segment_files open_segments(const std::filesystem::path& folder, const std::vector<std::uint64_t>& sizes_bytes);

}  // namespace chromatin::io
