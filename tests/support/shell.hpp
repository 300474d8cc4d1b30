#pragma once

/// Programs as their users run them.

#include <cstdio>
#include <string>

#include <sys/wait.h>

namespace chromatin::test {

struct outcome {
  int status = 0;    ///< that the command ended with; -1 if it did not end by itself
  std::string text;  ///< what it wrote
};

/// Of a shell's command line; its errors are written where the test's are.
inline outcome shell(const std::string& line) {
  outcome of;
  auto* pipe = ::popen(line.c_str(), "r");
  if (!pipe) return {-1, "no shell"};
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) of.text.append(buffer, n);
  int status = ::pclose(pipe);
  of.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return of;
}

/// With the errors in its text.
inline outcome outcome_of(const std::string& command) { return shell("{ " + command + "\n} 2>&1"); }

/// For tests that are skipped where a program is missing.
inline bool there_is(const std::string& program) {
  return outcome_of("command -v " + program + " > /dev/null").status == 0;
}

}  // namespace chromatin::test
