#pragma once

/// llama.cpp's server as a process. One thread at a time. Errors are std::runtime_error with one line.

#include <filesystem>
#include <string>

#include "bench/llama_cpp.hpp"
#include "io/child_process.hpp"

namespace chromatin::bench {

/// With its prompt cache, which it has by itself. Ready when this is there.
class llama_server {
 public:
  /// `how` needs no address: a free one is taken.
  llama_server(const llama_cpp& peer, const std::string& model, llama_serving how, const std::filesystem::path& log);
  ~llama_server() { process_.stop(SIGTERM); }

  const std::string& http() const { return address_; }  ///< HOST:PORT
  pid_t pid() const { return process_.pid(); }

 private:
  std::string address_;
  io::child_process process_;
};

}  // namespace chromatin::bench
