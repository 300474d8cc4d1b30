#pragma once

/// Programs as their users run them.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <sys/wait.h>

namespace chromatin::test {

struct outcome {
  int status = 0;    ///< that the command ended with; -1 if it did not end by itself
  std::string text;  ///< of both outputs
};

inline outcome outcome_of(const std::string& command) {
  outcome o;
  auto* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) o.text.append(buffer, n);
  int status = ::pclose(pipe);
  o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return o;
}

/// For tests that are skipped where a program is missing.
inline bool there_is(const std::string& program) {
  return outcome_of("command -v " + program + " > /dev/null").status == 0;
}

inline std::string content_of(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream{file}.rdbuf();
  return text.str();
}

/// `make install` without the build.
inline outcome install_into(const std::filesystem::path& destdir, const std::string& prefix = "/usr") {
  return outcome_of("DESTDIR='" + destdir.string() + "' cmake --install '" CHROMATIN_BUILD_DIR "' --prefix " + prefix);
}

}  // namespace chromatin::test
