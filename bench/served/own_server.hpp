#pragma once

/// Servers as processes of their own. One thread at a time. Errors are std::runtime_error with one line.

#include "io/child_process.hpp"

namespace chromatin::bench {

/// `chromatin serve`, this program, on free ports; ended as it should be when this goes, so that another one can go on
/// with its folder.
class own_server {
 public:
  /// `folder` gets its log; `options` are serve's.
  own_server(const std::filesystem::path& folder, const std::vector<std::string>& options);
  ~own_server() { process_.stop(SIGTERM); }

  const std::string& http() const { return http_; }  ///< HOST:PORT
  const std::string& rpc() const { return rpc_; }
  pid_t pid() const { return process_.pid(); }

 private:
  /// Where it listens for this.
  std::string address(const std::string& mark);

  io::child_process process_;
  std::string rpc_, http_;
};

}  // namespace chromatin::bench
