#include "io/segments.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

/// Open files that a server has beside its segments: connections, databases, the model. The second is the least that it
/// can work with.
constexpr rlim_t other_files = 512, other_files_min = 64;

void allow_open_files(const std::filesystem::path& folder, std::size_t segments) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= segments + other_files) return;
  limit.rlim_cur = std::min<rlim_t>(segments + other_files, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < segments + other_files_min)
    throw open_error(
        fmt::format("{}: {} segment files are more than this process may open ({}); raise the hard limit (ulimit -Hn, "
                    "LimitNOFILE=), choose a smaller --disk-size or an empty --disk, whose segments are made larger",
                    folder.string(), segments, limit.rlim_max));
}

/// What a larger store left behind.
void remove_beyond(const std::filesystem::path& folder, std::size_t segments) {
  std::error_code ignored;
  for (auto i = segments; std::filesystem::remove(segment_name(folder, i), ignored); ++i) {
  }
}

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

/// Another model's server gave the room of free slots back (io/cache_folders.hpp). Where a file system compresses, or
/// sets nothing aside, that is no error: a chunk that finds no room is not kept.
void fill_holes(int fd, const struct stat& status, std::uint64_t size_bytes) {
  constexpr std::uint64_t block_bytes = 512;  // of struct stat, whatever the file system has
  if (static_cast<std::uint64_t>(status.st_blocks) * block_bytes >= size_bytes) return;
  [[maybe_unused]] int refused = ::fallocate(fd, 0, 0, static_cast<off_t>(size_bytes));
}

void preallocate(const std::filesystem::path& file, int fd, std::uint64_t size_bytes) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  auto before = static_cast<std::uint64_t>(status.st_size);
  if (before > size_bytes && ::ftruncate(fd, static_cast<off_t>(size_bytes)) != 0)
    throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  if (before >= size_bytes) return fill_holes(fd, status, size_bytes);
  int error = EINTR;
  while (error == EINTR) error = ::posix_fallocate(fd, 0, static_cast<off_t>(size_bytes));
  if (error == 0) return;
  if (before == 0)
    ::unlink(file.c_str());
  else [[maybe_unused]]
    int ignored = ::ftruncate(fd, static_cast<off_t>(before));
  throw open_error(fmt::format("{}: {} MiB cannot be set aside: {}; free some space or choose a smaller --disk-size",
                               file.string(), size_bytes >> 20, std::strerror(error)));
}

}  // namespace

std::filesystem::path segment_name(const std::filesystem::path& folder, std::size_t number) {
  return folder / fmt::format("segment-{:04}.kv", number);
}

file_descriptor::~file_descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

file_descriptor::file_descriptor(file_descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

segment_files open_segments(const std::filesystem::path& folder, const std::vector<std::uint64_t>& sizes_bytes) {
  allow_open_files(folder, sizes_bytes.size());
  remove_beyond(folder, sizes_bytes.size());
  segment_files result;
  for (std::size_t i = 0; i < sizes_bytes.size(); ++i) {
    auto file = segment_name(folder, i);
    auto fd = open_one(file, result.direct);
    preallocate(file, fd.get(), sizes_bytes[i]);
    result.files.push_back(std::move(fd));
  }
  return result;
}

}  // namespace chromatin::io
