#include "apps/program.hpp"

#include "apps/command_line.hpp"
#include "apps/commands.hpp"
#include "apps/dna/dna.hpp"
#include "apps/system_flags.hpp"
#include "bench/bench.hpp"

namespace chromatin {

int run_program(int argc, char** argv, const system_options& defaults) {
  return run_commands(argc, argv, [&](CLI::App& app, const std::vector<std::string>& arguments) {
    add_serve_command(app, defaults, arguments);
    add_chat_command(app);
    add_conversations_command(app);
    add_archive_command(app);
    add_recall_command(app);
    add_replay_command(app, defaults, arguments);
    add_simulate_command(app);
    add_soak_command(app);
    add_stat_command(app);
    add_top_command(app);
    add_tier_command(app);
    add_make_checkpoint_command(app);
    add_fsck_command(app);
    add_inspect_command(app);
    add_describe_command(app);
    dna::add_dna_command(app);
    bench::add_bench_command(app, embedded_model());
  });
}

}  // namespace chromatin
