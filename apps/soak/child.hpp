#pragma once

/// A server as a process of its own, which can be killed.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace chromatin::soak {

class child_server {
 public:
  /// `folder` gets its log and its socket; its files are in `folder`/store.
  explicit child_server(std::filesystem::path folder) : folder_{std::move(folder)} {}
  ~child_server();
  child_server(const child_server&) = delete;
  child_server& operator=(const child_server&) = delete;

  /// Starts this program's `serve` with these arguments; false if it ended before it listened.
  bool start(const std::vector<std::string>& arguments);
  /// Sends the signal and waits for the end; its status as waitpid() gives it.
  int stop(int number);
  /// True also when it ended by itself; `status` says how.
  bool ended();
  int status() const { return status_; }
  std::uint64_t resident_bytes() const;
  std::string address() const { return "unix:" + (folder_ / "socket").string(); }
  std::filesystem::path store() const { return folder_ / "store"; }
  /// The last line of its log that says something bad, or the last one.
  std::string last_words() const;

 private:
  std::filesystem::path folder_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace chromatin::soak
