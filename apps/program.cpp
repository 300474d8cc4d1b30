#include "apps/program.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "apps/commands.hpp"
#include "apps/dna/dna.hpp"
#include "apps/flags/nearest.hpp"
#include "apps/system_flags.hpp"
#include "bench/bench.hpp"

namespace chromatin {
namespace {

/// Where a command's name is missing because what stands there is none: which one may have been meant. Else the error's
/// own words.
std::string explain(const CLI::App& program, const CLI::Error& error) {
  const auto* at = &program;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  auto words = at->remaining();
  bool asks_for_command = error.get_name() == "RequiredError" && at->get_require_subcommand_min() > 0;
  if (!asks_for_command || words.empty() || words.front().starts_with('-')) return error.what();
  std::vector<std::string> names;
  for (const auto* command : at->get_subcommands({})) names.push_back(command->get_name());
  auto meant = nearest(words.front(), names);
  return fmt::format("there is no command {}{}", words.front(),
                     meant.empty() ? "" : fmt::format("; did you mean {}?", meant));
}

}  // namespace

int run_program(int argc, char** argv, const system_options& defaults) {
  // What a command prints is its result: the log goes beside it.
  spdlog::set_default_logger(spdlog::stderr_logger_mt("chromatin"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v");
  CLI::App app{
      "chromatin serves chat models and never throws a conversation's KV cache away.\n"
      "Start with `chromatin serve`, then `chromatin chat` in another terminal.",
      "chromatin"};
  app.set_version_flag("--version", CHROMATIN_VERSION);
  app.require_subcommand(1);
  app.set_config("--config", "", "TOML file with options, those of a command under its name: [serve]")
      ->type_name("FILE");
  app.allow_config_extras(false);
  app.failure_message([](const CLI::App* program, const CLI::Error& e) {
    return fmt::format("chromatin: {} (--help tells what there is)\n", explain(*program, e));
  });
  const std::vector<std::string> arguments{argv + 1, argv + argc};
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
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "chromatin: %s\n", e.what());
    return 1;
  }
}

}  // namespace chromatin
