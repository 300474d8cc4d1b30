/// chromatin dna sequence: simulated reads of a tube.

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/dna/dna.hpp"
#include "io/progress.hpp"
#include "dna/reads/read_sink.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"

namespace chromatin::dna {
namespace {

struct sequence_flags {
  std::filesystem::path tube, out;
  std::string errors = "illumina";
  std::uint64_t reads = 10'000, seed = 1;
  std::optional<double> coverage_variation;
  bool json = false;
};

void sequence_tube(const sequence_flags& flags) {
  const auto profile = wetlab::find_error_profile(flags.errors);
  auto tube = wetlab::read_tube(flags.tube);
  read_sink sink{flags.out};
  io::progress_line line{"reads"};
  std::uint64_t done = 0;
  const bool as_ordered =
      std::all_of(tube.molecules.begin(), tube.molecules.end(), [](const auto& one) { return one.copies == 1; });
  // Strands as ordered have no copy numbers: they are drawn as the profile was measured.
  if (as_ordered) tube = wetlab::as_measured_copies(tube, profile, flags.seed + 1);
  wetlab::sequence(tube, flags.reads, profile, flags.coverage_variation.value_or(0), flags.seed,
                   [&](const dna::read& one) {
                     sink.put(one);
                     if (++done % 10'000 == 0) line.show(done, flags.reads);
                   });
  sink.close();
  if (flags.json)
    fmt::print("{}\n",
               nlohmann::ordered_json{
                   {"simulated", true}, {"errors", profile.name}, {"reads", done}, {"file", flags.out.string()}}
                   .dump(2));
  else
    fmt::print("{}: {} simulated reads, errors as of {} (sub {:.2f}, del {:.2f}, ins {:.2f} %)\n", flags.out.string(),
               done, profile.name, 100 * profile.substitution, 100 * profile.deletion, 100 * profile.insertion);
}

}  // namespace

void add_sequence_command(CLI::App& dna) {
  auto* command = dna.add_subcommand("sequence", "Simulate sequencing: reads of a tube, or of any file of strands");
  auto flags = std::make_shared<sequence_flags>();
  command->add_option("TUBE", flags->tube, "file of `chromatin dna pcr`, or strands (FASTA), one copy each")
      ->required();
  command->add_option("--out", flags->out, "FASTQ file to write; .gz compresses")->required();
  command->add_option("--reads", flags->reads)->capture_default_str()->check(CLI::Range(1UL, 10'000'000'000UL));
  command
      ->add_option("--errors", flags->errors,
                   "illumina, bad-synthesis, nanopore, perfect, or a file of `chromatin dna calibrate`")
      ->capture_default_str();
  command
      ->add_option("--coverage-variation", flags->coverage_variation,
                   "of what molecules yield, beyond their copies: standard deviation over mean")
      ->check(CLI::Range(0.0, 10.0));
  command->add_option("--seed", flags->seed)->capture_default_str();
  command->add_flag("--json", flags->json, "say what was done as JSON");
  command->callback([flags] { sequence_tube(*flags); });
}

}  // namespace chromatin::dna
