#include "io/store_folder.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace chromatin::io {

void make_private_folder(const std::filesystem::path& folder) {
  std::error_code error;
  auto path = std::filesystem::absolute(folder, error);
  std::vector<std::filesystem::path> missing;
  for (; !path.empty() && !std::filesystem::exists(path, error); path = path.parent_path()) missing.push_back(path);
  for (auto next = missing.rbegin(); next != missing.rend(); ++next) {
    if (!next->has_filename()) continue;  // "folder/"
    if (std::filesystem::create_directory(*next, error))
      std::filesystem::permissions(*next, std::filesystem::perms::owner_all, error);
    if (error) throw open_error(fmt::format("{}: {}", next->string(), error.message()));
  }
}

folder_lock::folder_lock(const std::filesystem::path& folder) {
  auto file = folder / "lock";
  file_ = file_descriptor{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (file_.get() < 0) throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0) {
    char owner[32] = {};
    [[maybe_unused]] auto got = ::pread(file_.get(), owner, sizeof owner - 1, 0);
    throw open_error(
        fmt::format("{} is in use by process {}; stop it or choose another --disk", folder.string(), owner));
  }
  auto pid = std::to_string(::getpid());
  if (::ftruncate(file_.get(), 0) != 0 || ::pwrite(file_.get(), pid.data(), pid.size(), 0) < 0)
    throw open_error(fmt::format("{}: {}", file.string(), std::strerror(errno)));
}

std::string put_aside(const std::filesystem::path& folder, const std::string& name,
                      const std::filesystem::path& replacement) {
  std::error_code ignored;
  std::string suffix = ".damaged";
  for (int i = 2; std::filesystem::exists(folder / (name + suffix), ignored); ++i)
    suffix = fmt::format(".damaged-{}", i);
  // The log first: it must not be taken for that of another file.
  for (auto beside : {"-wal", "-shm"})
    std::filesystem::rename(folder / (name + beside), folder / (name + beside + suffix), ignored);
  if (replacement.empty()) {
    std::filesystem::rename(folder / name, folder / (name + suffix), ignored);
  } else {
    std::filesystem::create_hard_link(folder / name, folder / (name + suffix), ignored);
    std::error_code error;
    std::filesystem::rename(replacement, folder / name, error);
    if (error) throw open_error(fmt::format("{}: {}", (folder / name).string(), error.message()));
  }
  return name + suffix;
}

}  // namespace chromatin::io
