#pragma once

/// The server under test, as a process of its own, which can be killed and started again.

#include <optional>

#include "io/child_process.hpp"

namespace chromatin::soak {

class child_server {
 public:
  /// `folder` gets its log and its socket; its files are in `folder`/store.
  explicit child_server(std::filesystem::path folder) : folder_{std::move(folder)} {}

  /// Starts this program's `serve` with these arguments; false if it ended before it listened.
  bool start(const std::vector<std::string>& arguments);
  /// What was started last.
  io::child_process& process() { return *process_; }
  std::string address() const { return "unix:" + (folder_ / "socket").string(); }
  std::filesystem::path store() const { return folder_ / "store"; }
  /// The last line of its log that says something bad, or the last one.
  std::string last_words() const;

 private:
  std::filesystem::path folder_;
  std::optional<io::child_process> process_;
};

}  // namespace chromatin::soak
