/// Blocks decoded right, over seeded runs of synthesis, sequencing and decoding.

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <random>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/partition/partition.hpp"
#include "dna/reads/pipeline.hpp"
#include "dna/wetlab/sequencer.hpp"
#include "dna/wetlab/synthesis.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;

struct tally {
  std::uint64_t blocks = 0, right = 0, right_without_erasures = 0, wrong = 0;
  tally& operator+=(const tally& other) {
    blocks += other.blocks, right += other.right, wrong += other.wrong;
    right_without_erasures += other.right_without_erasures;
    return *this;
  }
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

/// Molecules of each strand that a pool descends from where synthesis has errors worth counting.
constexpr double founders = 100;

/// Reads of a tube of these strands, in a pipeline.
std::unique_ptr<pipeline> read_tube(const block_codec& codec, const std::vector<std::string>& strands,
                                    const wetlab::error_profile& profile, double coverage, std::mt19937_64& random) {
  // What synthesis did is in molecules, each of which gives several reads; the instrument adds what a good one adds.
  const bool of_molecules = profile.name == wetlab::bad_synthesis_profile().name;
  const auto options = wetlab::as_measured(profile, of_molecules ? founders : 0);
  const auto tube = wetlab::synthesise(strands, {}, options, random());
  const auto instrument = of_molecules ? wetlab::illumina_profile() : profile;
  std::vector<dna::read> reads;
  wetlab::sequence(tube, static_cast<std::uint64_t>(coverage * static_cast<double>(strands.size())), instrument, 0,
                   random(), [&](const dna::read& one) { reads.push_back(one); });
  auto reading = std::make_unique<pipeline>(std::vector{&codec}, 1U);
  std::size_t at = 0;
  reading->add([&](dna::read& one) {
    if (at == reads.size()) return false;
    std::swap(one, reads[at++]);
    return true;
  });
  return reading;
}

/// One tube of single blocks: synthesised, sequenced, decoded.
void run_once(const wetlab::error_profile& profile, double coverage, std::size_t count, std::uint64_t seed,
              tally& into) {
  std::mt19937_64 random{seed};
  const auto stored = random_blocks(count, random);
  const auto reading = read_tube(dna_codec(), strands_of(stored), profile, coverage, random);
  const auto count_right = [&](erasure_use use, std::uint64_t& right) {
    for (const auto& one : reading->decode(0, use))
      if (one.decoded) {
        const bool known = std::find(stored.begin(), stored.end(), *one.decoded) != stored.end();
        ++(known ? right : into.wrong);
      }
  };
  into.blocks += stored.size();
  count_right(erasure_use::full, into.right);
  count_right(erasure_use::none, into.right_without_erasures);
}

/// The same of a file of fifty blocks with a tenth of parity across them, put and changed in a few places: `right` with
/// the outer code, `right_without_erasures` without it.
void run_outer(const wetlab::error_profile& profile, double coverage, std::uint64_t seed, tally& into) {
  static const strand_layout layout{[] {
    auto geometry = dna_layout().geometry();
    geometry.outer = 0.1;
    return describe(geometry, dna_layout().partition().primers);
  }()};
  static const block_codec codec{layout};
  std::mt19937_64 random{seed};
  partition written{layout.partition()};
  byte_string content(50 * layout.geometry().block_bytes());
  for (auto& byte : content) byte = static_cast<std::uint8_t>(random());
  const std::vector<new_file> file{{"file", content}};
  written.put(file);
  for (int i = 0; i < 5; ++i) content[random() % content.size()] ^= 1;
  written.update("file", content);
  std::vector<std::string> strands;
  for (const auto& [id, one] : written.blocks())
    for (auto& strand : codec.encode(one)) strands.push_back(std::move(strand));
  const auto [decoded, parts] = blocks_of(read_tube(codec, strands, profile, coverage, random)->decode());
  const partition found{layout.partition(), decoded, parts};
  for (const auto stored = *written.find("file"); const auto& part : stored.blocks)
    for (auto version = part.base; version <= part.last; ++version) {
      const block_id id{part.leaf, version};
      const auto there = found.blocks().find(id);
      ++into.blocks;
      into.right_without_erasures += std::ranges::count(decoded, id, &block::id) > 0;
      if (there == found.blocks().end()) continue;
      ++(there->second == written.blocks().at(id) ? into.right : into.wrong);
    }
}

tally run_many(const dna_setup& setup, const wetlab::error_profile& profile, double coverage, std::size_t runs,
               std::size_t blocks) {
  std::mutex adding;
  tally sum;
  for_each_run(setup, runs, [&](std::size_t i) {
    tally own;
    run_once(profile, coverage, blocks, run_seed(setup, fmt::format("{} {} {}", profile.name, coverage, blocks), i),
             own);
    const std::lock_guard lock{adding};
    sum += own;
    if (i % 16 == 0) show_progress(fmt::format("{} at {:.4g}x", profile.name, coverage), i, runs);
  });
  show_progress("", 1, 1);
  return sum;
}

/// What was found at a coverage; both ways of decoding are tried on the same reads.
using tallies = std::map<double, tally>;

/// Where 99.9 % of blocks decode: the lowest coverage in steps of a half that does it on these runs, and between which
/// two it surely lies, as far as so many runs can tell.
struct lowest_coverage {
  double at = 41, not_yet = 0, surely = 41;
};

lowest_coverage find_lowest(const dna_setup& setup, const wetlab::error_profile& profile, std::size_t runs,
                            bool erasures, tallies& known) {
  lowest_coverage found;
  const auto measure = [&](double coverage) -> const tally& {
    if (!known.contains(coverage)) known[coverage] = run_many(setup, profile, coverage, runs, 4);
    return known[coverage];
  };
  double fails = 1;
  while (found.at - fails > 0.5) {
    const double middle = std::round(found.at + fails) / 2;
    const auto& here = measure(middle);
    ((erasures ? here.share() : here.share_without()) >= 0.999 ? found.at : fails) = middle;
  }
  for (const auto& [coverage, here] : known) {
    const auto [low, high] = interval(erasures ? here.right : here.right_without_erasures, here.blocks);
    if (high < 0.999) found.not_yet = std::max(found.not_yet, coverage);
    if (low >= 0.999) found.surely = std::min(found.surely, coverage);
  }
  return found;
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
      "\nblocks decoded right over {} runs (simulated; rates, copies and losses of \"bad-synthesis\" measured on a bad "
      "pool, "
      "its errors in {:.0f} founders a strand)\n  {:<15}{:>9}{:>9}{:>24}{:>8}{:>11}{:>28}{:>24}\n",
      runs, founders, "errors", "coverage", "blocks", "right, 95 % interval", "wrong", "asked for",
      "99.9 % from, with erasures", "without");
  nlohmann::ordered_json json;
  for (const auto& one : bars) {
    const auto found = run_many(setup, one.profile, one.coverage, runs, one.blocks);
    const auto [low, high] = interval(found.right, found.blocks);
    tallies known;
    const auto with = find_lowest(setup, one.profile, runs / 2, true, known);
    const auto without = find_lowest(setup, one.profile, runs / 2, false, known);
    const auto text = [](const lowest_coverage& at) {
      return at.surely > 40 ? fmt::format("{}x ({} to >40)", at.at, at.not_yet)
                            : fmt::format("{}x ({} to {})", at.at, at.not_yet, at.surely);
    };
    fmt::print("  {:<15}{:>8.0f}x{:>9}{:>10.3f}% ({:.2f}-{:.2f}){:>6}{:>10.2f}%{:>28}{:>24}\n", one.profile.name,
               one.coverage, found.blocks, 100 * found.share(), 100 * low, 100 * high, found.wrong, 100 * one.share,
               text(with), text(without));
    const auto to_json = [](const lowest_coverage& at) {
      return nlohmann::ordered_json{{"at", at.at}, {"not_yet", at.not_yet}, {"surely", at.surely}};
    };
    json[one.profile.name] = {{"coverage", one.coverage},
                              {"runs", runs},
                              {"blocks", found.blocks},
                              {"right", found.right},
                              {"interval", {low, high}},
                              {"wrong", found.wrong},
                              {"asked_for_share", one.share},
                              {"lowest_coverage_999", to_json(with)},
                              {"lowest_coverage_999_without_erasures", to_json(without)}};
  }
  tally outer;
  const auto& bad = bars[1];
  std::mutex adding;
  for_each_run(setup, runs / 5, [&](std::size_t i) {
    tally own;
    run_outer(bad.profile, bad.coverage, run_seed(setup, "outer", i), own);
    const std::lock_guard lock{adding};
    outer += own;
    show_progress("with the outer code", i, runs / 5);
  });
  const auto [low, high] = interval(outer.right, outer.blocks);
  fmt::print(
      "  {} at {:.0f}x in files of 50 blocks with five updates and 10 % parity across blocks: {} blocks, {:.3f}% right "
      "({:.2f}-{:.2f}), {} wrong; {:.3f}% by their own strands alone\n",
      bad.profile.name, bad.coverage, outer.blocks, 100 * outer.share(), 100 * low, 100 * high, outer.wrong,
      100 * outer.share_without());
  json["bad-synthesis, outer 10%"] = {{"blocks", outer.blocks},
                                      {"right", outer.right},
                                      {"interval", {low, high}},
                                      {"right_by_own_strands", outer.right_without_erasures},
                                      {"wrong", outer.wrong}};
  return json;
}

}  // namespace chromatin::bench
