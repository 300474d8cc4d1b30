#pragma once

/// Command lines that tests run.

#include <cstdio>
#include <string>
#include <utility>

#include <sys/wait.h>

namespace chromatin::test {

struct outcome {
  int status = 0;  ///< 0: it ended well
  std::string text;
};

/// Of a command line, with what it wrote to either output; one that hangs is ended.
inline outcome outcome_of(const std::string& command) {
  outcome of;
  auto* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (!pipe) return {-1, "it cannot be started"};
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) of.text.append(buffer, n);
  auto status = ::pclose(pipe);
  of.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return of;
}

}  // namespace chromatin::test
