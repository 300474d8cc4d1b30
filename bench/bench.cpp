#include "bench/bench.hpp"

#include "bench/commands.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {

void add_bench_command(CLI::App& app, const std::filesystem::path& embedded) {
  auto* bench = app.add_subcommand("bench", "Measure; each command prints a table, and JSON with --json FILE");
  bench->require_subcommand(1);
  bench->parse_complete_callback(io::remove_temporary_folders_on_signals);
  add_executor(*bench, embedded);
  add_loading(*bench, embedded);
  add_overlap(*bench, embedded);
  add_neighbour(*bench, embedded);
  add_truncation(*bench, embedded);
  add_peers(*bench, embedded);
  add_served(*bench, embedded);
  add_gpu(*bench);
  add_disk(*bench);
  add_policies(*bench);
  add_dna(*bench, embedded);
  add_archive(*bench, embedded);
}

}  // namespace chromatin::bench
