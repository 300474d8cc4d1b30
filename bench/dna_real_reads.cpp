/// What the reading side makes of reads of real instruments, and how dense the geometry is.

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/wetlab/calibrate.hpp"
#include "dna/reads/demultiplex.hpp"
#include "dna/reads/reads.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;

const primer_pair lcrc_primers{"ATAATTGGCTCCTGCTTGCA", "TTGCACTTTCCGCCTACATT"};

calibration calibrate_file(const std::filesystem::path& oligos, const std::filesystem::path& reads) {
  std::vector<std::string> references;
  read_source source{oligos};
  for (dna::read one; source.next(one);) references.push_back(one.bases);
  calibrator counted{std::move(references)};
  read_source instrument{reads};
  for (dna::read one; instrument.next(one);) {
    counted.add(one.bases);
    if (counted.result().reads % 1000 == 0)
      show_progress("calibrating " + reads.filename().string(), counted.result().reads, 25'000);
  }
  show_progress("", 1, 1);
  return counted.result();
}

nlohmann::ordered_json print(const char* pool, const calibration& found) {
  fmt::print("  {:<12}{:>8}{:>9.3f}{:>9.3f}{:>9.3f}{:>10.1f}{:>10.1f}{:>9.2f}x{:>9.1f}{:>14.1f}\n", pool, found.reads,
             100 * found.substitution_rate(), 100 * found.deletion_rate(), 100 * found.insertion_rate(),
             100 * found.perfect_share(), 100 * found.reversed_share(), found.mean_coverage(),
             100 * found.unseen_share(), 100 * found.unseen_share_at(4));
  return {{"reads", found.reads},
          {"substitution", found.substitution_rate()},
          {"deletion", found.deletion_rate()},
          {"insertion", found.insertion_rate()},
          {"perfect", found.perfect_share()},
          {"reversed", found.reversed_share()},
          {"coverage", found.mean_coverage()},
          {"unseen", found.unseen_share()},
          {"unseen_at_4x_fitted", found.unseen_share_at(4)},
          {"copy_number_variation", found.copy_number_variation()}};
}

/// The pool's reads among three pairs, of which one is its own.
nlohmann::ordered_json locate(const std::filesystem::path& reads) {
  const demultiplexer pairs{
      {dna_layout().partition().primers, {"GTTACAGGCAATCGTCCTAG", "CGATTGACAGTCGGATATGC"}, lcrc_primers}};
  std::uint64_t all = 0, own = 0, wrong = 0;
  read_source source{reads};
  for (dna::read one; source.next(one); ++all)
    if (const auto found = pairs.locate(one.bases)) ++(found->partition == 2 ? own : wrong);
  const auto share = [&](std::uint64_t part) { return static_cast<double>(part) / static_cast<double>(all); };
  fmt::print(
      "  turned and trimmed: {:.2f} % of the LCRC reads; given to one of two foreign primer pairs: {} ({:.3f} %)\n",
      100 * share(own), wrong, 100 * share(wrong));
  return {{"reads", all}, {"located", share(own)}, {"wrongly_assigned", share(wrong)}};
}

}  // namespace

nlohmann::ordered_json dna_real_reads(const dna_setup& setup) {
  const auto& folder = setup.real_reads;
  if (!exists(folder / "lcrc_reads.fastq.gz")) {
    fmt::print("\nreal reads: none in {}; name the folder above in CHROMATIN_SHARED\n", folder.string());
    return {{"skipped", true}};
  }
  fmt::print("\nreal reads, calibrated (measured; rates in %)\n  {:<12}{:>8}{:>9}{:>9}{:>9}{:>10}{:>10}{:>10}{:>9}{:>14}\n",
             "pool", "reads", "sub", "del", "ins", "perfect", "reversed", "depth", "unseen", "unseen at 4x*");
  nlohmann::ordered_json json;
  json["lcrc"] = print("LCRC", calibrate_file(folder / "lcrc_oligos.fasta.gz", folder / "lcrc_reads.fastq.gz"));
  for (const auto* name : {"good", "bad"})
    if (const auto reads = folder / fmt::format("dt4dds_{}_reads.txt.gz", name); exists(reads))
      json[name] = print(name, calibrate_file(folder / "dt4dds_oligos.fasta.gz", reads));
  fmt::print("  * fitted: from the copy numbers (gamma), where the file is shallower or deeper\n");
  json["primers"] = locate(folder / "lcrc_reads.fastq.gz");
  return json;
}

nlohmann::ordered_json dna_density(const dna_setup&) {
  nlohmann::ordered_json json;
  fmt::print("\ndensity of full blocks, bits per nucleotide (computed)\n  {:<18}{:>10}{:>14}{:>18}\n", "profile", "block",
             "with primers", "without primers");
  auto with_outer = built_in_profile("150nt");
  with_outer.name = "150nt, outer 10%";
  with_outer.outer = 0.1;
  for (const auto& geometry :
       {built_in_profile("150nt"), with_outer, built_in_profile("200nt"), built_in_profile("poor")}) {
    const auto& name = geometry.name;
    fmt::print("  {:<18}{:>8} B{:>14.3f}{:>18.3f}\n", name, geometry.block_bytes(), geometry.bits_per_nt(),
               geometry.bits_per_nt_without_primers());
    json[name] = {{"block_bytes", geometry.block_bytes()},
                  {"bits_per_nt", geometry.bits_per_nt()},
                  {"bits_per_nt_without_primers", geometry.bits_per_nt_without_primers()}};
  }
  return json;
}

}  // namespace chromatin::bench
