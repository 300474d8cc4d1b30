#include "apps/fault_flags.hpp"

#include "io/faulty_device.hpp"

namespace chromatin {

void add_fault_flags(CLI::App& command, fault_flags& flags) {
  constexpr auto group = "Fault injection";
  command.add_option("--fault-seed", flags.seed, "decides which operations go wrong")->group(group);
  command
      .add_option("--disk-faults", flags.disk,
                  "NAME=N,…: of a million operations on the disk tier's segments so many go wrong in this way; all=N")
      ->group(group);
  command.add_option("--file-faults", flags.files, "the same for the SQLite files")->group(group);
  command.add_option("--fault-counts", flags.counts, "file to count them in")->group(group);
}

injected_faults::injected_faults(const fault_flags& flags, system_options& options) {
  if (flags.disk.empty() && flags.files.empty()) return;
  auto disk_odds = io::parse_odds(flags.disk), file_odds = io::parse_odds(flags.files);
  counts_ = io::share_counts(flags.counts);
  auto disk = std::make_shared<io::fault_dice>(flags.seed, disk_odds, &counts_->disk);
  options.wrap_disk = [disk, kept = counts_](std::unique_ptr<io::device> real) {
    return io::make_faulty_device(std::move(real), disk);
  };
  files_.emplace(std::make_shared<io::fault_dice>(flags.seed + 1, file_odds, &counts_->files));
}

}  // namespace chromatin
