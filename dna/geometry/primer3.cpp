#include "dna/geometry/primer3.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dna/geometry/sequence.hpp"

extern char** environ;

namespace chromatin::dna {
namespace {

using file_ptr = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

/// What a program writes, given these lines to read.
std::string output_of(const std::vector<std::string>& command, const std::string& input) {
  const file_ptr in{std::tmpfile(), std::fclose}, out{std::tmpfile(), std::fclose};
  if (!in || !out) throw primer3_error{"no temporary file can be made for primer3"};
  std::fwrite(input.data(), 1, input.size(), in.get());
  std::fflush(in.get());
  std::rewind(in.get());
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ::fileno(in.get()), 0);
  posix_spawn_file_actions_adddup2(&files, ::fileno(out.get()), 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int failed = ::posix_spawnp(&process, arguments[0], &files, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  if (failed != 0 || ::waitpid(process, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
    throw primer3_error{
        fmt::format("{} of primer3 cannot be run: install the package primer3 (apt-get install primer3)", command[0])};
  std::rewind(out.get());
  std::string text;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, out.get())) > 0;) text.append(buffer, n);
  return text;
}

std::string checked(const std::string& oligo) {
  for (const char base : oligo)
    if (base_index(base) < 0) throw primer3_error{fmt::format("\"{}\" is no oligo: A, C, G and T only", oligo)};
  return oligo;
}

const std::vector<std::string> conditions{"-mv", "50", "-dv", "1.5", "-n", "0.6", "-d", "250"};

std::vector<double> temperatures(const std::string& mode, const std::string& lines, std::size_t count) {
  std::vector<std::string> command{"ntthal", "-r", "-i", "-a", mode};
  command.insert(command.end(), conditions.begin(), conditions.end());
  std::vector<double> values;
  std::istringstream in{output_of(command, lines)};
  for (double value = 0; in >> value;) values.push_back(value);
  if (values.size() != count)
    throw primer3_error{fmt::format("ntthal gave {} temperatures, not {}: is it primer3's?", values.size(), count)};
  return values;
}

}  // namespace

primer3::primer3() {
  const std::vector<std::string> probe{"ACGTTGCATGCCATGATTGC"};
  hairpins(probe);
}

std::vector<double> primer3::melting_points(std::span<const std::string> oligos) const {
  // oligotm says the same to a tenth of a degree, but takes one oligo at a time.
  std::vector<std::pair<std::string, std::string>> duplexes;
  for (const auto& oligo : oligos) duplexes.emplace_back(oligo, reverse_complement(oligo));
  return dimers(duplexes);
}

std::vector<double> primer3::hairpins(std::span<const std::string> oligos) const {
  std::string lines;
  for (const auto& oligo : oligos) lines += checked(oligo) + "\n";
  return temperatures("HAIRPIN", lines, oligos.size());
}

std::vector<double> primer3::dimers(std::span<const std::pair<std::string, std::string>> pairs) const {
  std::string lines;
  for (const auto& [a, b] : pairs) lines += checked(a) + "," + checked(b) + "\n";
  return temperatures("ANY", lines, pairs.size());
}

}  // namespace chromatin::dna
