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
  std::string address() const {
    constexpr std::string_view mark = "OpenAI's interface on ";
    for (int i = 0; i < 3000; ++i, std::this_thread::sleep_for(std::chrono::milliseconds{10})) {
      auto log = server_.log();
      auto at = log.find(mark);
      auto end = at == log.npos ? at : log.find('\n', at);
      if (end != log.npos) return log.substr(at + mark.size(), end - at - mark.size());
    }
    return {};
  }

 private:
  static std::vector<std::string> with_http(std::vector<std::string> more) {
    more.insert(more.end(), {"--http", "127.0.0.1:0"});
    return more;
  }

  temporary_folder folder_;
  server_process server_;
};

}  // namespace chromatin::test
