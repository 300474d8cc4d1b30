#include "bench/bench.hpp"

#include "bench/commands.hpp"

namespace chromatin::bench {

void add_bench_command(CLI::App& app, const std::filesystem::path& embedded) {
  auto* bench = app.add_subcommand("bench", "Measure; each command prints a table, and JSON with --json FILE");
  bench->require_subcommand(1);
  add_executor(*bench, embedded);
  add_loading(*bench, embedded);
  add_neighbour(*bench, embedded);
  add_truncation(*bench, embedded);
  add_peers(*bench, embedded);
  add_dna(*bench);
}

}  // namespace chromatin::bench
