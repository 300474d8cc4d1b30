#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include <sys/wait.h>

namespace chromatin::test {

/// Exit status and output of a shell's command line.
inline std::pair<int, std::string> shell(const std::string& line) {
  std::string out;
  auto* pipe = ::popen(line.c_str(), "r");
  for (int c; (c = std::fgetc(pipe)) != EOF;) out += static_cast<char>(c);
  auto status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, out};
}

}  // namespace chromatin::test
