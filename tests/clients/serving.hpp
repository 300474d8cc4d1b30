#pragma once

/// The real binary, serving HTTP.

#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {

class serving {
 public:
  explicit serving(const std::vector<std::string>& more = {}) : server_{folder_.path(), with_http(more)} {}

  /// Such as "http://127.0.0.1:4711/v1".
  std::string address() { return server_.wait_for("OpenAI's interface on ", std::chrono::seconds{30}).value_or(""); }

 private:
  static std::vector<std::string> with_http(std::vector<std::string> more) {
    // Answers are compared: how much of a prompt was reused must not decide how they round.
    more.insert(more.end(), {"--http", "127.0.0.1:0", "--compute", "f32", "--deterministic"});
    return more;
  }

  temporary_folder folder_;
  server_process server_;
};

}  // namespace chromatin::test
