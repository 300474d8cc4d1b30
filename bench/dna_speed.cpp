/// What encoding and decoding cost: seconds and memory.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/core.h>
#include <malloc.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "bench/measure.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/reads/read_sink.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"
#include "io/temporary_folder.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;

/// Gives back what was freed and has peak_memory_bytes count anew. Says what is in use.
std::uint64_t reset_peak_memory() {
  ::malloc_trim(0);
  std::ofstream{"/proc/self/clear_refs"} << 5;
  return peak_memory_bytes();
}

struct scratch {
  io::temporary_folder folder{std::filesystem::temp_directory_path()};
  std::filesystem::path file = folder.path() / "reads.fastq.gz";
};

nlohmann::ordered_json encoding(const dna_setup& setup) {
  const auto blocks = text_blocks(setup);
  const double seconds_wanted = setup.quick ? 0.5 : 3;
  std::vector<double> rates;
  std::string strands(blocks.size() * dna_codec().geometry().molecules() * dna_codec().geometry().strand_nt(), '\0');
  for (double spent = 0; spent < seconds_wanted;) {
    const double once = seconds_of([&] { encode_into(dna_codec(), blocks, strands, setup.threads); });
    rates.push_back(static_cast<double>(setup.text.size()) / once / 1e6);
    spent += once;
  }
  fmt::print(
      "\nencode (measured), {} threads: {:.1f} MB/s of input to strands, in a buffer used again (asked for: 20)\n",
      setup.threads, median(rates));
  return {{"mb_per_s", median(rates)}, {"threads", setup.threads}};
}

/// The whole way: a gzipped file of reads of the 595 blocks to checked blocks.
nlohmann::ordered_json decoding(const dna_setup& setup, const wetlab::error_profile& profile, double coverage,
                                double asked_for) {
  const auto blocks = text_blocks(setup);
  const auto tube =
      wetlab::synthesise(strands_of(blocks), {}, {.copy_number_variation = profile.copy_number_variation}, setup.seed);
  const auto count = static_cast<std::uint64_t>(coverage * static_cast<double>(tube.molecules.size()));
  const scratch folder;
  {
    read_sink out{folder.file};
    std::uint64_t made = 0;
    wetlab::sequence(tube, count, profile, 0, setup.seed, [&](const dna::read& one) {
      out.put(one);
      if (++made % 50'000 == 0) show_progress(profile.name + " reads written", made, count);
    });
    out.close();
    show_progress("", 1, 1);
  }
  const auto before = reset_peak_memory();
  std::size_t right = 0;
  const double seconds = seconds_of([&] {
    pipeline reading{{&dna_codec()}, setup.threads};
    reading.add(folder.file);
    for (const auto& one : reading.decode())
      right += one.decoded && std::find(blocks.begin(), blocks.end(), *one.decoded) != blocks.end();
  });
  const double rate = static_cast<double>(count) / seconds;
  const double mib = static_cast<double>(peak_memory_bytes() - before) / (1 << 20);
  fmt::print("  {:<14}{:>6.0f}x{:>11}{:>12.0f}{:>12.0f}{:>9}/595{:>11.0f} MiB\n", profile.name, coverage, count, rate,
             asked_for, right, mib);
  return {{"coverage", coverage}, {"reads", count},        {"seconds", seconds},
          {"reads_per_s", rate},  {"blocks_right", right}, {"peak_memory_mib", mib}};
}

}  // namespace

nlohmann::ordered_json dna_speed(const dna_setup& setup) {
  nlohmann::ordered_json json{{"encode", encoding(setup)}};
  fmt::print(
      "decode (measured, of simulated reads), {} threads, .fastq.gz to blocks\n  "
      "{:<14}{:>7}{:>11}{:>12}{:>12}{:>13}{:>15}\n",
      setup.threads, "reads", "depth", "reads", "reads/s", "asked for", "blocks", "peak memory");
  const double scale = setup.quick ? 0.5 : 1;
  for (const double coverage : {30.0, 120.0})
    json["illumina"].push_back(decoding(setup, wetlab::illumina_profile(), scale * coverage, 250'000));
  for (const double coverage : {30.0, 60.0})
    json["nanopore"].push_back(decoding(setup, wetlab::nanopore_profile(), scale * coverage, 25'000));
  return json;
}

}  // namespace chromatin::bench
