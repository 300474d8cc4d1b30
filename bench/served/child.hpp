#pragma once

/// Servers as processes of their own. One thread at a time. Errors are std::runtime_error with one line.

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace chromatin::bench {

/// A program that is told to end, and waited for, when this goes; it ends also when this process is killed.
class child_process {
 public:
  /// `words`: the program's path and its arguments. `log` gets what it says.
  child_process(std::vector<std::string> words, std::filesystem::path log);
  ~child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  bool ended();
  pid_t pid() const { return pid_; }
  /// What it has said so far.
  std::string said() const;
  /// The rest of the line in which it said `mark`; waits for it.
  std::string wait_for(const std::string& mark);

 private:
  std::filesystem::path log_;
  pid_t pid_ = 0;
};

/// `chromatin serve`, this program, on free ports.
class own_server {
 public:
  /// `folder` gets its log; `options` are serve's.
  own_server(const std::filesystem::path& folder, const std::vector<std::string>& options);

  const std::string& http() const { return http_; }  ///< HOST:PORT
  const std::string& rpc() const { return rpc_; }

 private:
  child_process process_;
  std::string rpc_, http_;
};

}  // namespace chromatin::bench
