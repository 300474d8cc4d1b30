/// chromatin dna calibrate: an error profile from reads and the strands they should be.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "io/progress.hpp"
#include "dna/wetlab/calibrate.hpp"
#include "dna/reads/reads.hpp"
#include "dna/wetlab/error_profile.hpp"

namespace chromatin::dna {
namespace {

struct calibrate_flags {
  std::vector<std::filesystem::path> reads;
  std::filesystem::path oligos, out;
  bool json = false;
};

calibration count(const calibrate_flags& flags) {
  std::vector<std::string> references;
  read_source source{flags.oligos};
  for (dna::read one; source.next(one);) references.push_back(one.bases);
  calibrator counted{std::move(references)};
  io::progress_line line{"reads compared"};
  for (const auto& file : flags.reads) {
    read_source instrument{file};
    for (dna::read one; instrument.next(one);) {
      counted.add(one.bases);
      if (counted.result().reads % 1000 == 0) line.show(counted.result().reads);
    }
  }
  if (counted.result().reads == counted.result().unassigned)
    throw std::runtime_error{
        fmt::format("no read is of a strand in {}: trimmed strands go with trimmed reads", flags.oligos.string())};
  return counted.result();
}

/// What makes the figures other than those of the strands.
std::vector<std::string> warnings(const calibration& found) {
  std::vector<std::string> lines;
  const auto placed = found.reads - found.unassigned;
  if (found.trimmed > 0)
    lines.push_back(fmt::format("{} reads had {} bases outside the strand on average ({}): they were cut off",
                                found.trimmed, found.trimmed_nt / found.trimmed,
                                found.adapter.empty() ? "no adapter that is known here" : found.adapter));
  if (10 * found.unassigned > found.reads)
    lines.push_back(
        fmt::format("{} of {} reads are of no strand: another pool among them, or strands trimmed and reads not",
                    found.unassigned, found.reads));
  const auto at_ends = [&] {
    std::uint64_t ends = 0;
    const auto& at = found.errors_at;
    for (std::size_t i = 0; i < at.size(); ++i) ends += i < 3 || i + 3 >= at.size() ? at[i] : 0;
    return ends;
  }();
  const auto all = found.substitutions + found.deletions + found.insertions;
  if (placed > 100 && all > placed && 2 * at_ends > all)
    lines.emplace_back(
        "more than half of the errors are within three bases of the ends: adapters, or primers cut off "
        "reads or strands only?");
  return lines;
}

void calibrate(const calibrate_flags& flags) {
  const auto found = count(flags);
  const auto profile = wetlab::to_profile(found, flags.reads.front().filename().string());
  if (!flags.out.empty()) wetlab::write_error_profile(profile, flags.out);
  for (const auto& line : warnings(found)) fmt::print(stderr, "warning: {}\n", line);
  if (flags.json) {
    fmt::print("{}\n", nlohmann::ordered_json{{"reads", found.reads},
                                              {"unassigned", found.unassigned},
                                              {"substitution", found.substitution_rate()},
                                              {"deletion", found.deletion_rate()},
                                              {"insertion", found.insertion_rate()},
                                              {"perfect", found.perfect_share()},
                                              {"reversed", found.reversed_share()},
                                              {"coverage", found.mean_coverage()},
                                              {"trimmed", found.trimmed},
                                              {"trimmed_nt", found.trimmed_nt},
                                              {"adapter", found.adapter},
                                              {"unseen", found.unseen_share()},
                                              {"dropout", found.dropout()},
                                              {"unseen_at_4x_fitted", found.unseen_share_at(4)},
                                              {"copy_number_variation", found.copy_number_variation()}}
                           .dump(2));
    return;
  }
  fmt::print(
      "{} reads, {} of no strand; {:.1f} % perfect, {:.1f} % reverse complements\n"
      "substitutions {:.3f} %, deletions {:.3f} %, insertions {:.3f} % of bases\n"
      "{:.2f} reads a strand, {:.1f} % of strands unseen, {:.1f} % not there at all; copy numbers vary by {:.2f} of "
      "their mean, which would leave "
      "{:.1f} % unseen at 4 reads a strand\n",
      found.reads, found.unassigned, 100 * found.perfect_share(), 100 * found.reversed_share(),
      100 * found.substitution_rate(), 100 * found.deletion_rate(), 100 * found.insertion_rate(), found.mean_coverage(),
      100 * found.unseen_share(), 100 * found.dropout(), found.copy_number_variation(), 100 * found.unseen_share_at(4));
  if (!flags.out.empty()) fmt::print("{}: the profile, for `chromatin dna sequence --errors`\n", flags.out.string());
}

}  // namespace

void add_calibrate_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("calibrate", "Measure what synthesis and sequencing did: an error profile");
  auto flags = std::make_shared<calibrate_flags>();
  command->add_option("READS", flags->reads, "reads: FASTQ, FASTA, BAM or text; plain or gzip")->required();
  command->add_option("--oligos", flags->oligos, "the strands as ordered: FASTA")->required();
  command->add_option("--out", flags->out, "profile to write: TOML");
  command->add_flag("--json", flags->json, "print the figures as JSON");
  command->callback([flags] { calibrate(*flags); });
}

}  // namespace chromatin::dna
