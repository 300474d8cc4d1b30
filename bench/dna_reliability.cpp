/// Blocks decoded right, over seeded runs of synthesis, sequencing and decoding.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;

struct tally {
  std::uint64_t blocks = 0, right = 0, right_without_erasures = 0, wrong = 0;
  double share() const { return static_cast<double>(right) / static_cast<double>(blocks); }
  double share_without() const { return static_cast<double>(right_without_erasures) / static_cast<double>(blocks); }
};

std::vector<block> random_blocks(std::size_t count, std::mt19937_64& random) {
  std::vector<block> made;
  for (std::uint32_t i = 0; i < count; ++i) {
    block one{{static_cast<std::uint32_t>((random() % 1024) / count * count + i) % 1024,
               static_cast<std::uint32_t>(random() % 4)}};
    one.content.resize(dna_layout().geometry().block_bytes());
    for (auto& byte : one.content) byte = static_cast<std::uint8_t>(random());
    made.push_back(std::move(one));
  }
  return made;
}

/// One tube: synthesised, sequenced, decoded.
void run_once(const wetlab::error_profile& profile, double coverage, std::size_t count, std::uint64_t seed,
              tally& into) {
  std::mt19937_64 random{seed};
  const auto stored = random_blocks(count, random);
  const auto tube =
      wetlab::synthesise(strands_of(stored), {}, {.copy_number_variation = profile.copy_number_variation}, random());
  std::vector<dna::read> reads;
  wetlab::sequence(tube, static_cast<std::uint64_t>(coverage * static_cast<double>(tube.molecules.size())), profile, 0,
                   random(), [&](const dna::read& one) { reads.push_back(one); });
  pipeline reading{{&dna_codec()}, 1};
  std::size_t at = 0;
  reading.add([&](dna::read& one) {
    if (at == reads.size()) return false;
    std::swap(one, reads[at++]);
    return true;
  });
  const auto count_right = [&](erasure_use use, std::uint64_t& right) {
    for (const auto& one : reading.decode(0, use))
      if (one.decoded) {
        const bool known = std::find(stored.begin(), stored.end(), *one.decoded) != stored.end();
        ++(known ? right : into.wrong);
      }
  };
  into.blocks += stored.size();
  count_right(erasure_use::full, into.right);
  count_right(erasure_use::none, into.right_without_erasures);
}

tally run_many(const dna_setup& setup, const wetlab::error_profile& profile, double coverage, std::size_t runs,
               std::size_t blocks) {
  std::atomic<std::size_t> next{0};
  std::mutex adding;
  tally sum;
  std::vector<std::jthread> workers;
  for (unsigned t = 0; t < setup.threads; ++t)
    workers.emplace_back([&] {
      tally own;
      for (std::size_t i; (i = next++) < runs;) {
        run_once(profile, coverage, blocks, setup.seed + i, own);
        if (i % 16 == 0) {
          const std::lock_guard lock{adding};
          show_progress(fmt::format("{} at {:.4g}x", profile.name, coverage), i, runs);
        }
      }
      const std::lock_guard lock{adding};
      sum.blocks += own.blocks;
      sum.right += own.right;
      sum.right_without_erasures += own.right_without_erasures;
      sum.wrong += own.wrong;
    });
  workers.clear();
  show_progress("", 1, 1);
  return sum;
}

/// What was found at a coverage; both ways of decoding are tried on the same reads.
using tallies = std::map<double, tally>;

/// The lowest coverage, in steps of a half, from which on 99.9 % of blocks decode; 41 where that is not enough.
double lowest_coverage(const dna_setup& setup, const wetlab::error_profile& profile, std::size_t runs, bool erasures,
                       tallies& known) {
  double fails = 1, works = 41;
  while (works - fails > 0.5) {
    const double middle = std::round(works + fails) / 2;
    if (!known.contains(middle)) known[middle] = run_many(setup, profile, middle, runs, 1);
    const auto& found = known[middle];
    ((erasures ? found.share() : found.share_without()) >= 0.999 ? works : fails) = middle;
  }
  return works;
}

struct bar {
  wetlab::error_profile profile;
  double coverage, share;
  std::size_t blocks;  // a run
};

}  // namespace

nlohmann::ordered_json dna_reliability(const dna_setup& setup) {
  const std::size_t runs = setup.quick ? 50 : 1000;
  const bar bars[] = {{wetlab::illumina_profile(), 10, 0.9999, 20},
                      {wetlab::bad_synthesis_profile(), 15, 0.999, 5},
                      {wetlab::nanopore_profile(), 30, 0.995, 2}};
  fmt::print(
      "\nblocks decoded right over {} seeded runs; copy numbers vary by 0.48 (5.9 % of strands unseen at 4x)\n"
      "  {:<15}{:>9}{:>9}{:>11}{:>8}{:>10}{:>24}{:>10}\n",
      runs, "errors", "coverage", "blocks", "right", "wrong", "asked for", "99.9 % from: erasures", "without");
  nlohmann::ordered_json json;
  for (const auto& one : bars) {
    const auto found = run_many(setup, one.profile, one.coverage, runs, one.blocks);
    tallies known;
    const double with = lowest_coverage(setup, one.profile, runs, true, known);
    const double without = lowest_coverage(setup, one.profile, runs, false, known);
    fmt::print("  {:<15}{:>8.0f}x{:>9}{:>10.3f}%{:>8}{:>9.2f}%{:>23.1f}x{:>9.1f}x\n", one.profile.name, one.coverage,
               found.blocks, 100 * found.share(), found.wrong, 100 * one.share, with, without);
    json[one.profile.name] = {{"coverage", one.coverage},    {"runs", runs},
                              {"blocks", found.blocks},      {"right", found.right},
                              {"wrong", found.wrong},        {"asked_for_share", one.share},
                              {"lowest_coverage_999", with}, {"lowest_coverage_999_without_erasures", without}};
  }
  return json;
}

}  // namespace chromatin::bench
