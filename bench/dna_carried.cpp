/// Real pools carried over: what became of a real pool's oligos, read by read, is done to strands of ours, and these
/// are decoded. Errors, where they lie, how uneven copies are and what is missing are all measured, none is modelled.

#include <algorithm>
#include <mutex>
#include <random>
#include <string_view>

#include <edlib.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/geometry/sequence.hpp"
#include "dna/partition/partition.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/calibrate.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;

/// What a read did to its oligo: for each base of it what came out instead.
using fate = std::vector<std::string>;

fate fate_of(std::string_view read, std::string_view oligo) {
  fate made(oligo.size());
  auto aligned = edlibAlign(read.data(), static_cast<int>(read.size()), oligo.data(), static_cast<int>(oligo.size()),
                            edlibNewAlignConfig(-1, EDLIB_MODE_NW, EDLIB_TASK_PATH, nullptr, 0));
  std::size_t from = 0, to = 0;
  for (int i = 0; i < aligned.alignmentLength; ++i) {
    const auto step = aligned.alignment[i];
    if (step == EDLIB_EDOP_INSERT) {
      made[std::min(to, made.size() - 1)] += read[from++];
    } else {
      // "=" is the base as it was; what is empty was lost.
      if (step == EDLIB_EDOP_MATCH) made[to] += '=', ++from;
      if (step == EDLIB_EDOP_MISMATCH) made[to] += read[from++];
      ++to;
    }
  }
  edlibFreeAlignResult(aligned);
  return made;
}

std::string carried(const fate& what, std::string_view strand) {
  std::string read;
  std::size_t done = 0;
  for (std::size_t i = 0; i < strand.size(); ++i) {
    const auto at = i * what.size() / strand.size();
    const bool first = i == 0 || at != done;
    done = at;
    if (!first) {
      read += strand[i];
      continue;
    }
    for (const char base : what[at]) read += base == '=' ? strand[i] : base;
  }
  return read;
}

}  // namespace

/// Reads of a pool, by oligo.
struct pool_fates::data {
  std::vector<std::vector<fate>> of_oligo;
  double depth = 0;
};

pool_fates::pool_fates(const std::filesystem::path& oligos, const std::filesystem::path& reads)
    : data_{std::make_unique<data>()} {
  std::vector<std::string> references;
  read_source strands{oligos};
  for (dna::read one; strands.next(one);) references.push_back(one.bases);
  data_->of_oligo.resize(references.size());
  calibrator assign{references};
  read_source source{reads};
  std::size_t placed = 0;
  for (dna::read one; source.next(one);) {
    const auto reversed_before = assign.result().reversed;
    const auto oligo = assign.add(one.bases);
    if (!oligo) continue;
    if (assign.result().reversed != reversed_before) one.bases = reverse_complement(one.bases);
    data_->of_oligo[*oligo].push_back(fate_of(one.bases, references[*oligo]));
    ++placed;
  }
  data_->depth = static_cast<double>(placed) / static_cast<double>(references.size());
}
pool_fates::~pool_fates() = default;

double pool_fates::depth() const { return data_->depth; }

std::vector<std::string> pool_fates::reads_of(const std::vector<std::string>& strands, double coverage,
                                              std::uint64_t seed) const {
  std::mt19937_64 random{seed};
  const double kept = std::min(1.0, coverage / data_->depth);
  std::vector<std::size_t> oligos(data_->of_oligo.size());
  for (std::size_t i = 0; i < oligos.size(); ++i) oligos[i] = i;
  std::vector<std::string> reads;
  for (std::size_t i = 0; i < strands.size(); ++i) {
    // Every oligo in turn, in another order each time.
    if (i % oligos.size() == 0) std::shuffle(oligos.begin(), oligos.end(), random);
    for (const auto& one : data_->of_oligo[oligos[i % oligos.size()]])
      if (std::uniform_real_distribution<double>{}(random) < kept) {
        auto read = carried(one, strands[i]);
        reads.push_back(random() % 2 == 0 ? std::move(read) : reverse_complement(read));
      }
  }
  std::shuffle(reads.begin(), reads.end(), random);
  return reads;
}

namespace {

struct carried_tally {
  std::size_t blocks = 0, inner = 0, outer = 0, wrong = 0;
  std::size_t files = 0, whole = 0;  ///< and those that came back to the last byte

  carried_tally& operator+=(const carried_tally& other) {
    blocks += other.blocks, inner += other.inner, outer += other.outer, wrong += other.wrong;
    files += other.files, whole += other.whole;
    return *this;
  }
};

/// Files of random bytes in a partition of this profile, its strands with the pool's fates, decoded.
carried_tally run_carried(const pool_fates& pool, const profile& geometry, double coverage, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  const strand_layout layout{describe(geometry, dna_layout().partition().primers)};
  const block_codec codec{layout};
  partition written{layout.partition()};
  constexpr std::size_t blocks = 54;
  byte_string content(blocks * geometry.block_bytes());
  for (auto& byte : content) byte = static_cast<std::uint8_t>(random());
  const std::vector<new_file> file{{"file", content}};
  std::vector<std::string> strands;
  for (const auto& one : written.put(file))
    for (auto& strand : codec.encode(one)) strands.push_back(std::move(strand));
  const auto reads = pool.reads_of(strands, coverage, random());
  pipeline reading{{&codec}, 1};
  std::size_t at = 0;
  reading.add([&](dna::read& one) {
    if (at == reads.size()) return false;
    one.bases = reads[at++];
    return true;
  });
  carried_tally found{.blocks = blocks, .files = 1};
  const auto [decoded, parts] = blocks_of(reading.decode());
  for (const auto& one : decoded) {
    const auto known = written.blocks().find(one.id);
    if (known == written.blocks().end() || known->second != one)
      ++found.wrong;
    else
      found.inner += one.kind == block_kind::data;
  }
  const partition read{layout.partition(), decoded, parts};
  const auto stored = written.find("file");
  for (const auto& part : stored->blocks) found.outer += read.blocks().contains({part.leaf, 0});
  found.whole = found.outer == blocks;
  return found;
}

}  // namespace

nlohmann::ordered_json dna_carried(const dna_setup& setup) {
  const auto& folder = setup.real_reads;
  nlohmann::ordered_json json;
  if (!exists(folder / "dt4dds_bad_reads.txt.gz")) {
    fmt::print("\nreal pools carried over: none in {}; name the folder above in CHROMATIN_SHARED\n", folder.string());
    return {{"skipped", true}};
  }
  auto with_outer = dna_layout().geometry();
  with_outer.name = "150nt, outer 10%";
  with_outer.outer = 0.1;
  const profile geometries[] = {dna_layout().geometry(), with_outer, built_in_profile("poor")};
  fmt::print(
      "\nreal pools' errors, skew and losses carried over to strands of ours (measured): files of 54 blocks\n  "
      "{:<6}{:>9}  {:<18}{:>8}{:>7}{:>8}{:>12}{:>11}{:>18}{:>8}\n",
      "pool", "coverage", "profile", "bits/nt", "files", "whole", "own strands", "and outer", "95 % interval", "wrong");
  for (const auto* name : {"good", "bad"}) {
    const pool_fates pool{folder / "dt4dds_oligos.fasta.gz", folder / fmt::format("dt4dds_{}_reads.txt.gz", name)};
    for (const double coverage : {5.0, 10.0, 15.0, 30.0})
      for (const auto& geometry : geometries) {
        // All reads that there are, for what strands can do by themselves.
        if (coverage == 30 && geometry.outer > 0) continue;
        // The line with a bar of 99.9 % has so many blocks that it can be told from less.
        const bool bar = name == std::string_view{"bad"} && coverage == 15 && geometry.outer > 0;
        const std::size_t files = (setup.quick ? 5 : 40) * (bar ? 10 : 1);
        std::mutex adding;
        carried_tally sum;
        for_each_run(setup, files, [&](std::size_t run) {
          const auto part = fmt::format("carried {} {} {}", name, coverage, geometry.name);
          const auto one = run_carried(pool, geometry, coverage, run_seed(setup, part, run));
          const std::lock_guard lock{adding};
          sum += one;
          show_progress(part, sum.files, files);
        });
        const auto percent = [&](std::size_t part) {
          return 100 * static_cast<double>(part) / static_cast<double>(sum.blocks);
        };
        const auto [low, high] = interval(sum.outer, sum.blocks);
        fmt::print("  {:<6}{:>8.0f}x  {:<18}{:>8.3f}{:>7}{:>8}{:>11.2f}%{:>10.2f}%{:>18}{:>8}\n", name, coverage,
                   geometry.name, geometry.bits_per_nt(), sum.files, sum.whole, percent(sum.inner), percent(sum.outer),
                   fmt::format("({:.2f}-{:.2f})", 100 * low, 100 * high), sum.wrong);
        json[name].push_back({{"coverage", coverage},
                              {"profile", geometry.name},
                              {"files", sum.files},
                              {"files_whole", sum.whole},
                              {"blocks", sum.blocks},
                              {"right", sum.inner},
                              {"right_with_outer", sum.outer},
                              {"interval", {low, high}},
                              {"wrong", sum.wrong}});
      }
  }
  return json;
}

}  // namespace chromatin::bench
