#pragma once

/// Folders that go with the process, also when a signal ends it.

#include <filesystem>

namespace chromatin::io {

/// A new folder in `parent`, which is made if need be; gone when this is.
class temporary_folder {
 public:
  explicit temporary_folder(const std::filesystem::path& parent);
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// From now on SIGINT, SIGTERM and SIGHUP remove all temporary folders before they end the process, with the status
/// that a shell gives a signal. To be called before the first thread is started.
void remove_temporary_folders_on_signals();

}  // namespace chromatin::io
