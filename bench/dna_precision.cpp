/// How precisely blocks and ranges are pulled out of a partition, in the simulator (dna/wetlab/priming.hpp has the
/// model and why its numbers err against us).

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "bench/dna.hpp"
#include "dna/reads/align.hpp"
#include "dna/reads/partition_reads.hpp"
#include "dna/wetlab/retrieval.hpp"
#include "dna/wetlab/sequencer.hpp"

namespace chromatin::bench {
namespace {

using namespace dna;
using wetlab::protocol;

constexpr protocol protocols[] = {protocol::plain, protocol::touch_down, protocol::hot_start, protocol::two_step,
                                  protocol::precise};

/// The text, and an update to every block, or to those of `updated` only.
wetlab::tube make_tube(const dna_setup& setup, bool update_all, const leaf_run& updated, std::uint64_t seed) {
  auto blocks = text_blocks(setup);
  std::mt19937_64 random{seed};
  const auto count = blocks.size();
  for (std::uint32_t leaf = 0; leaf < count; ++leaf) {
    if (!update_all && (leaf < updated.first || leaf >= updated.end())) continue;
    block patch{{leaf, 1}, block_kind::patch, {}};
    for (int i = 0; i < 40; ++i) patch.content.push_back(static_cast<std::uint8_t>(random()));
    blocks.push_back(std::move(patch));
  }
  return wetlab::synthesise_partition(dna_layout(), strands_of(blocks), {}, random());
}

struct outcome {
  double before = 0, after = 0;
  std::vector<double> by_distance, rewritten;  // shares of all copies
};

outcome retrieve_one(const wetlab::tube& tube, std::uint32_t leaf, protocol how, std::uint64_t seed) {
  const std::vector<subtree> target{{leaf, dna_layout().addresses().levels()}};
  const auto product = wetlab::amplify(tube, wetlab::plan(dna_layout(), target, how), {}, seed).product;
  const auto found = wetlab::compose(product, dna_layout(), target);
  outcome made{wetlab::compose(tube, dna_layout(), target).on_target_share(), found.on_target_share(), {}, {}};
  for (const auto& row : found.by_distance) {
    made.by_distance.push_back(row.copies / found.copies());
    made.rewritten.push_back(row.rewritten / found.copies());
  }
  return made;
}

nlohmann::ordered_json one_block(const dna_setup& setup) {
  nlohmann::ordered_json json;
  const int runs = setup.quick ? 2 : 8;
  for (const bool all : {true, false}) {
    fmt::print(
        "\none block by its elongated primer (simulated; the floor of mispriming is fitted to the paper's 48 % of "
        "plain, "
        "all other protocols are predictions);\n{}; mean of {} runs, worst in brackets; nominal: of the share of "
        "strands, whatever their copies\n",
        all ? "every block has an update (17,850 molecules)" : "only this block has one (8,940 molecules)", runs);
    fmt::print("  {:<12}{:>9}{:>18}{:>9}{:>9}    off target, % of all, by levels apart\n", "protocol", "before",
               "on target", "factor", "nominal");
    const double nominal = 30.0 / (all ? 17850 : 8940);
    std::map<protocol, std::vector<outcome>> found;
    std::mt19937_64 random{run_seed(setup, "one block", all)};
    for (int i = 0; i < runs; ++i) {
      const auto leaf = static_cast<std::uint32_t>(random() % 595);
      const auto tube = make_tube(setup, all, {leaf, 1}, random());
      for (const auto how : protocols) found[how].push_back(retrieve_one(tube, leaf, how, random()));
      show_progress("retrieval of one block", static_cast<std::size_t>(i) + 1, static_cast<std::size_t>(runs));
    }
    auto& into = json[all ? "one_block_all_updated" : "one_block_only_it_updated"];
    for (const auto how : protocols) {
      const auto& outcomes = found[how];
      const auto mean = [&](auto value) {
        double sum = 0;
        for (const auto& one : outcomes) sum += value(one);
        return sum / static_cast<double>(outcomes.size());
      };
      const double before = mean([](const outcome& o) { return o.before; });
      const double after = mean([](const outcome& o) { return o.after; });
      const double worst =
          std::min_element(outcomes.begin(), outcomes.end(), [](auto& a, auto& b) { return a.after < b.after; })->after;
      fmt::print("  {:<12}{:>8.3f}%{:>9.1f}% ({:.1f}){:>8.0f}x{:>8.0f}x   ", wetlab::name_of(how), 100 * before,
                 100 * after, 100 * worst, after / before, after / nominal);
      nlohmann::ordered_json sources;
      for (std::size_t d = 1; d < outcomes[0].by_distance.size(); ++d) {
        const double share = mean([&](const outcome& o) { return o.by_distance[d]; });
        fmt::print(" {}: {:.1f}", d, 100 * share);
        sources.push_back({{"levels_apart", d}, {"share", share}, {"misprimed_share", mean([&](const outcome& o) {
                                                                     return o.rewritten[d];
                                                                   })}});
      }
      fmt::print("\n");
      into[std::string{wetlab::name_of(how)}] = {{"before", before},
                                                 {"on_target", after},
                                                 {"on_target_worst", worst},
                                                 {"factor", after / before},
                                                 {"nominal_factor", after / nominal},
                                                 {"off_target", sources}};
    }
  }
  return json;
}

/// For each target block, the reads sequenced until it and its update decoded.
std::vector<double> reads_needed(const wetlab::tube& product, const leaf_run& range, std::uint64_t seed) {
  const std::uint64_t step = 10 * range.count;
  const primer_locator primers{dna_layout().head(), dna_layout().tail()};
  partition_reads kept{dna_codec()};
  std::map<std::uint32_t, double> needed;
  std::uint64_t reads = 0;
  for (int round = 1; needed.size() < range.count && round < 200; ++round) {
    wetlab::sequence(product, step, wetlab::illumina_profile(), 0, seed + static_cast<std::uint64_t>(round),
                     [&](const dna::read& one) {
                       const auto located = primers.locate(one.bases);
                       const auto parsed = located ? dna_layout().parse(located->bases) : std::nullopt;
                       if (parsed && range.contains(parsed->id.leaf) && parsed->id.version < 2) kept.add(*parsed);
                     });
    reads += step;
    if (reads < 20 * range.count) continue;  // eleven molecules of each slot at the least
    std::map<std::uint32_t, int> decoded;
    for (const auto& one : kept.decode(1)) decoded[one.id.leaf] += one.decoded.has_value();
    for (const auto& [leaf, versions] : decoded)
      if (versions == 2) needed.emplace(leaf, static_cast<double>(reads));
  }
  std::vector<double> found;
  for (const auto& [leaf, count] : needed) found.push_back(count);
  found.resize(range.count, static_cast<double>(reads));
  return found;
}

double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())))];
}

struct mean_of {
  double mean = 0, half = 0;  ///< of its 95 % interval
};
mean_of mean_and_interval(const std::vector<double>& values) {
  mean_of made;
  const auto n = static_cast<double>(values.size());
  for (const double one : values) made.mean += one / n;
  double squares = 0;
  for (const double one : values) squares += (one - made.mean) * (one - made.mean);
  if (n > 1) made.half = 1.96 * std::sqrt(squares / (n - 1) / n);
  return made;
}

struct range_figures {
  std::size_t reactions = 0;
  mean_of on_target, reads;
};

/// Over `times` ranges of `count` leaves, `aligned` or anywhere: reads until 95 % of a range's blocks decode.
range_figures measure_range(const dna_setup& setup, bool aligned, std::uint32_t count, wetlab::pooling pots,
                            int times) {
  constexpr double sure = 0.95;
  std::vector<double> needed, on_target, reactions;
  for (int i = 0; i < times; ++i) {
    const auto part = fmt::format("range {} {} {}", count, aligned, static_cast<int>(pots));
    std::mt19937_64 random{run_seed(setup, part, static_cast<std::uint64_t>(i))};
    auto first = static_cast<std::uint32_t>(random() % (595 - count));
    if (aligned) first = first / count * count;
    const leaf_run range{first, count};
    const auto tube = make_tube(setup, true, range, random());
    const auto targets = dna_layout().addresses().cover(range);
    const auto product = wetlab::retrieve(tube, dna_layout(), targets, protocol::precise, pots, {}, random()).product;
    on_target.push_back(wetlab::compose(product, dna_layout(), targets).on_target_share());
    needed.push_back(quantile(reads_needed(product, range, random()), sure));
    reactions.push_back(static_cast<double>(pots == wetlab::pooling::apart ? targets.size() : 1));
    show_progress(fmt::format("range of {}", count), static_cast<std::size_t>(i) + 1, static_cast<std::size_t>(times));
  }
  return {static_cast<std::size_t>(std::round(mean_and_interval(reactions).mean)), mean_and_interval(on_target),
          mean_and_interval(needed)};
}

nlohmann::ordered_json ranges(const dna_setup& setup) {
  using wetlab::pooling;
  const int times = setup.quick ? 3 : 30;
  fmt::print(
      "\nreads needed (simulated; illumina), every block updated, protocol precise: until 95 % of a range's blocks and "
      "updates decode;\nmeans over {} ranges with 95 % intervals\n  {:<32}{:>10}{:>16}{:>16}{:>20}\n",
      times, "range", "reactions", "on target, %", "reads", "/ (n x one's)");
  nlohmann::ordered_json json;
  struct one_case {
    std::uint32_t count;
    bool aligned;
    pooling pots;
  };
  const one_case cases[] = {{1, false, pooling::apart},   {4, true, pooling::apart},   {16, true, pooling::apart},
                            {10, false, pooling::apart},  {48, false, pooling::apart}, {10, false, pooling::one_pot},
                            {48, false, pooling::one_pot}};
  mean_of one;
  for (const auto& each : cases) {
    const auto found = measure_range(setup, each.aligned, each.count, each.pots, times);
    if (each.count == 1) one = found.reads;
    const bool multiplex = each.pots == pooling::one_pot;
    const double ratio = found.reads.mean / (each.count * one.mean);
    // Both means have their errors.
    const double spread = ratio * std::hypot(found.reads.half / found.reads.mean, one.half / one.mean);
    fmt::print("  {:<32}{:>10}{:>10.1f} ±{:>4.1f}{:>10.0f} ±{:>4.0f}{:>13.2f} ±{:>5.2f}\n",
               each.count == 1 ? std::string{"one leaf, anywhere"}
                               : fmt::format("{} leaves, {}{}", each.count, each.aligned ? "aligned" : "anywhere",
                                             multiplex ? ", one pot" : ""),
               found.reactions, 100 * found.on_target.mean, 100 * found.on_target.half, found.reads.mean,
               found.reads.half, ratio, spread);
    json.push_back({{"leaves", each.count},
                    {"aligned", each.aligned},
                    {"one_pot", multiplex},
                    {"ranges", times},
                    {"reactions", found.reactions},
                    {"on_target", {found.on_target.mean, found.on_target.half}},
                    {"reads", {found.reads.mean, found.reads.half}},
                    {"over_n_times_one", {ratio, spread}}});
  }
  return json;
}

}  // namespace

nlohmann::ordered_json dna_precision(const dna_setup& setup) {
  auto json = one_block(setup);
  json["ranges"] = ranges(setup);
  return json;
}

}  // namespace chromatin::bench
