#pragma once

/// Every subcommand of the chromatin binary registers itself with one of these; each lives in the file of its name.

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace chromatin {

struct system_options;

/// `arguments` are the program's: serve reads them again on SIGHUP, replay says how its figures came about.
void add_serve_command(CLI::App& app, const system_options& defaults, const std::vector<std::string>& arguments);
void add_archive_command(CLI::App& app);
void add_recall_command(CLI::App& app);
void add_chat_command(CLI::App& app);
void add_conversations_command(CLI::App& app);
void add_replay_command(CLI::App& app, const system_options& defaults, const std::vector<std::string>& arguments);
void add_simulate_command(CLI::App& app);
void add_soak_command(CLI::App& app);
void add_stat_command(CLI::App& app);
void add_top_command(CLI::App& app);
void add_tier_command(CLI::App& app);
void add_make_checkpoint_command(CLI::App& app);
void add_fsck_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_describe_command(CLI::App& app);

}  // namespace chromatin
