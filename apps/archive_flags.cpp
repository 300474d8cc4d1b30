#include "apps/archive_flags.hpp"

#include <map>
#include <string>

#include "apps/flags/choice.hpp"

namespace chromatin {
namespace {

/// Seconds, or `90s`, `10m`, `36h`, `14d`.
CLI::Option* add_time(CLI::App& command, const std::string& name, std::chrono::seconds& time, const std::string& shown,
                      const std::string& help) {
  static const std::map<std::string, std::int64_t> units{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  auto* option = command.add_option_function<std::int64_t>(
      name, [&time](const std::int64_t& seconds) { time = std::chrono::seconds{seconds}; }, help);
  return option->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::DEFAULT, "TIME"))->default_str(shown);
}

}  // namespace

void add_archive_flags(CLI::App& command, archive_options& options) {
  command.add_option("--dna", options.folder,
                     "folder of the archive: conversations that are archived are written into DNA's partitions there; "
                     "without it there is none");
  command.add_option("--dna-spool", options.spool,
                     "folder in which orders to a laboratory appear, and reads are expected (default: the laboratory "
                     "is simulated)");
  choose(command.add_option("--dna-turn", options.on_turn,
                            "what a turn on an archived conversation does: reject, ticket (it is refused, and the "
                            "recall begins) or wait (until the conversation is back)"),
         std::map<std::string, archived_turn>{
             {"reject", archived_turn::reject}, {"ticket", archived_turn::ticket}, {"wait", archived_turn::wait}})
      ->default_str("ticket")
      ->option_text("ACTION");
  add_time(command, "--dna-pool", options.pool_window, "60s",
           "time for which an archive or a recall waits for others to share its order with, e.g. 10m");
  add_time(command, "--dna-idle", options.idle, "0s",
           "conversations that nobody spoke in for so long are archived, e.g. 30d; 0: none by itself");
  command
      .add_option("--dna-disk", options.disk_share_max,
                  "share of the disk in use above which idle conversations are archived until it is below; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--dna-schedule", options.schedule,
                     "file with lines `2026-12-01T09:00:00Z TENANT CONVERSATION`: archived conversations that are "
                     "recalled so early that they are back then; looked at every minute");
  command
      .add_option("--dna-expect", options.expect,
                  "archived conversations whose next turn comes with this chance by the time that they could be back "
                  "are recalled ahead of it; foretold by --policy predictive, for half a day; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  add_time(command, "--dna-synthesis", options.synthesis_time, "14d",
           "time that the simulated laboratory takes for strands");
  add_time(command, "--dna-sequencing", options.sequencing_time, "36h", "time that it takes for reads");
  command
      .add_option(
          "--dna-channel", options.channel,
          "what happens to its strands: illumina, bad-synthesis, nanopore, perfect, or a file of `chromatin dna "
          "calibrate`")
      ->capture_default_str();
  command.add_option("--dna-seed", options.seed, "seed of its chances")->capture_default_str();
}

}  // namespace chromatin
