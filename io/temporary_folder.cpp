#include "io/temporary_folder.hpp"

#include <csignal>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <pthread.h>
#include <unistd.h>

namespace chromatin::io {
namespace {

struct folder_set {
  std::mutex mutex;
  std::set<std::filesystem::path> paths;
};

/// Never destroyed: the thread that waits for signals may outlive main().
folder_set& folders() {
  static auto& all = *new folder_set;
  return all;
}

constexpr int signal_status = 128;

}  // namespace

temporary_folder::temporary_folder(const std::filesystem::path& parent) {
  std::filesystem::create_directories(parent);
  auto pattern = (parent / "chromatin-XXXXXX").string();
  std::lock_guard lock{folders().mutex};
  if (!::mkdtemp(pattern.data())) throw std::runtime_error(pattern + ": cannot be made");
  path_ = pattern;
  folders().paths.insert(path_);
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
  std::lock_guard lock{folders().mutex};
  folders().paths.erase(path_);
}

void remove_temporary_folders_on_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread{[set] {
    int signal = 0;
    sigwait(&set, &signal);
    std::lock_guard lock{folders().mutex};  // kept: nobody makes another one
    std::error_code ignored;
    // Other threads may still write into a folder while it is removed.
    for (int attempt = 0; attempt < 3; ++attempt)
      for (const auto& path : folders().paths) std::filesystem::remove_all(path, ignored);
    ::_exit(signal_status + signal);
  }}.detach();
}

}  // namespace chromatin::io
