#include "io/segments.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

file_descriptor open_one(const std::filesystem::path& file, bool& direct) {
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC;
  if (direct) {
    int fd = ::open(file.c_str(), flags | O_DIRECT, 0600);
    if (fd >= 0) return file_descriptor{fd};
    if (errno != EINVAL) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
    direct = false;  // tmpfs and the like
  }
  int fd = ::open(file.c_str(), flags, 0600);
  if (fd < 0) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  return file_descriptor{fd};
}

void preallocate(const std::filesystem::path& file, int fd, std::uint64_t size_bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  auto before = static_cast<std::uint64_t>(status.st_size);
  if (before >= size_bytes) return;
  int error = ::posix_fallocate(fd, 0, static_cast<off_t>(size_bytes));
  if (error == 0) return;
  if (before == 0)
    ::unlink(file.c_str());
  else [[maybe_unused]]
    int ignored = ::ftruncate(fd, static_cast<off_t>(before));
  throw open_error(fmt::format("{}: {} MiB cannot be set aside: {}; free some space or choose a smaller --disk-size",
                               file.string(), size_bytes >> 20, std::strerror(error)));
}

}  // namespace

file_descriptor::~file_descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

file_descriptor::file_descriptor(file_descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

segment_files open_segments(const std::filesystem::path& folder, const std::vector<std::uint64_t>& sizes_bytes) {
  segment_files result;
  for (std::size_t i = 0; i < sizes_bytes.size(); ++i) {
    auto file = folder / fmt::format("segment-{:04}.kv", i);
    auto fd = open_one(file, result.direct);
    preallocate(file, fd.get(), sizes_bytes[i]);
    result.files.push_back(std::move(fd));
  }
  return result;
}

}  // namespace chromatin::io
