#pragma once

/// A program as a process of its own, with its log and its exit status. One thread at a time.

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace chromatin::io {

class child_process {
 public:
  /// `words`: the program's path and its arguments. `log` gets what it says, instead of what an earlier one said.
  /// Blocked signals reach it. Throws std::runtime_error if there is no process to be had; a program that cannot be run
  /// ends with status 127.
  child_process(std::vector<std::string> words, std::filesystem::path log);
  /// Kills it. It is killed also when the thread that started it ends, however that comes about.
  ~child_process() { stop(SIGKILL); }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  void signal(int number) const;
  /// Sends the signal and waits for the end; its status as waitpid() gives it.
  int stop(int number);
  /// True also when it ended by itself; `status` says how.
  bool ended();
  int status() const { return status_; }
  /// 0 when it has ended.
  pid_t pid() const { return pid_; }
  std::uint64_t resident_bytes() const;
  /// What it has said so far.
  std::string said() const;
  /// The rest of the line in which it said `mark`, for which this waits; nothing if it ended, or is silent for so long.
  std::optional<std::string> wait_for(std::string_view mark, std::chrono::seconds within);

 private:
  std::filesystem::path log_;
  pid_t pid_ = 0;
  int status_ = 0;
};

}  // namespace chromatin::io
