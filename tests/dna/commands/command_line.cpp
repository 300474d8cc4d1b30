#include "tests/dna/commands/command_line.hpp"

#include <algorithm>

#include "apps/dna/dna.hpp"

namespace chromatin::test {

std::string CommandLine::run(std::vector<std::string> words) {
  CLI::App app;
  dna::add_dna_command(app);
  words.insert(words.begin(), "dna");
  std::reverse(words.begin(), words.end());
  status_ = 0;
  testing::internal::CaptureStdout();
  try {
    app.parse(std::move(words));
  } catch (const CLI::RuntimeError& end) {
    status_ = end.get_exit_code();
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  return testing::internal::GetCapturedStdout();
}

}  // namespace chromatin::test
