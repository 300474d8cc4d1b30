#include "apps/dna/cost_conversations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "dna/partition/ledger.hpp"

namespace chromatin::dna {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();
constexpr double cheaper_steps[]{1, 1e3, 1e6, 1e9};
constexpr double idle_years[]{1, 10, 100, 1000};

std::uint64_t blocks_for(double bytes, const profile& geometry) {
  return static_cast<std::uint64_t>(std::ceil(bytes / geometry.block_bytes()));
}

/// The smallest subtree of fours for that much, with room to grow by a quarter, or several where none is so large
/// (partition_write.cpp).
std::uint64_t leaves_for(std::uint64_t blocks, const profile& geometry) {
  std::uint64_t leaves = 16;
  while (leaves < blocks * 5 / 4) leaves *= 4;
  return leaves < geometry.leaves() ? leaves : (blocks * 5 / 4 + 15) / 16 * 16;
}

std::string text_of_years(double years) {
  if (years == never) return "never";
  if (years < 1.0 / 12) return "at once";
  return years < 2 ? fmt::format("{:.0f} months", 12 * years) : fmt::format("{:.3g} years", years);
}

nlohmann::ordered_json or_null(double value) {
  return value == never ? nlohmann::ordered_json{} : nlohmann::ordered_json(value);
}

}  // namespace

double conversation_cost::even_after_years(double cheaper) const {
  const auto saved = disk_per_year - tube_per_year;
  return saved > 0 ? (synthesis / cheaper + recall) / saved : never;
}

double conversation_cost::cheaper_for(double years) const {
  const auto left = (disk_per_year - tube_per_year) * years - recall;
  return left > 0 ? synthesis / left : never;
}

conversation_cost cost_of(const archived_conversations& what, const profile& geometry) {
  const auto& prices = geometry.prices;
  conversation_cost made;
  const auto tokens = static_cast<double>(what.tokens);
  const auto transcript = tokens * what.bytes_per_token, kv = tokens * what.kv_bytes_per_token;
  const auto content = blocks_for(transcript, geometry) + blocks_for(kv, geometry);
  const auto parity = static_cast<std::uint64_t>(std::ceil(static_cast<double>(content) * geometry.outer));
  made.bytes = static_cast<std::uint64_t>(transcript + kv);
  // Its own journal, and a line in the partition's; both twice with parity across blocks.
  made.blocks = content + parity + (geometry.outer > 0 ? 4 : 2);
  made.leaves = leaves_for(made.blocks, geometry);
  const auto home = journal_home(geometry).count;
  made.per_partition = (geometry.leaves() - home) / made.leaves;
  if (made.per_partition > 0) made.partitions = (what.count + made.per_partition - 1) / made.per_partition;
  const auto strands = made.blocks * geometry.molecules();
  made.nt = strands * geometry.strand_nt();
  made.bits_per_nt = 8.0 * static_cast<double>(made.bytes) / static_cast<double>(made.nt);
  made.synthesis = static_cast<double>(made.nt) * prices.synthesis_per_nt;
  made.reads = what.coverage * static_cast<double>(strands) / what.on_target;
  made.recall = prices.per_pcr + made.reads / 1e6 * prices.per_million_reads;
  made.disk_per_year = 12 * prices.disk_per_gib_month * static_cast<double>(made.bytes) / std::exp2(30);
  if (made.per_partition > 0)
    made.tube_per_year = prices.strand_store_per_year / static_cast<double>(std::min(made.per_partition, what.count));
  return made;
}

void print_cost(const archived_conversations& what, const profile& geometry, bool json) {
  const auto cost = cost_of(what, geometry);
  const auto& prices = geometry.prices;
  const auto count = static_cast<double>(what.count);
  if (json) {
    auto even = nlohmann::ordered_json::array(), cheaper = nlohmann::ordered_json::array();
    for (const auto step : cheaper_steps)
      even.push_back({{"synthesis_per_nt", prices.synthesis_per_nt / step},
                      {"synthesis_dollars", cost.synthesis / step},
                      {"even_after_years", or_null(cost.even_after_years(step))}});
    for (const auto years : idle_years)
      cheaper.push_back({{"idle_years", years}, {"synthesis_times_as_cheap", or_null(cost.cheaper_for(years))}});
    fmt::print("{}\n", nlohmann::ordered_json{{"profile", geometry.name},
                                              {"conversations", what.count},
                                              {"tokens", what.tokens},
                                              {"bytes_per_token", what.bytes_per_token + what.kv_bytes_per_token},
                                              {"bytes", cost.bytes},
                                              {"blocks", cost.blocks},
                                              {"leaves", cost.leaves},
                                              {"per_partition", cost.per_partition},
                                              {"partitions", cost.partitions},
                                              {"nt", cost.nt},
                                              {"bits_per_nt", cost.bits_per_nt},
                                              {"synthesis_dollars", cost.synthesis},
                                              {"recall_reads", cost.reads},
                                              {"recall_dollars", cost.recall},
                                              {"disk_dollars_per_year", cost.disk_per_year},
                                              {"tube_dollars_per_year", cost.tube_per_year},
                                              {"even", even},
                                              {"for_idle_time", cheaper},
                                              {"prices",
                                               {{"synthesis_per_nt", prices.synthesis_per_nt},
                                                {"per_million_reads", prices.per_million_reads},
                                                {"per_pcr", prices.per_pcr},
                                                {"disk_per_gib_month", prices.disk_per_gib_month},
                                                {"strand_store_per_year", prices.strand_store_per_year}}}}
                           .dump(2));
    return;
  }
  fmt::print("a conversation of {} tokens: {} bytes at {:g} a token{}; profile {}\n", what.tokens, cost.bytes,
             what.bytes_per_token + what.kv_bytes_per_token, what.kv_bytes_per_token > 0 ? ", K and V too" : "",
             geometry.name);
  fmt::print("  {} blocks with its journals, {} nt: {:.3f} bits a nucleotide; {} leaves of its own\n", cost.blocks,
             cost.nt, cost.bits_per_nt, cost.leaves);
  if (cost.per_partition > 0)
    fmt::print("  {} fit a partition: {} partitions for {}\n", cost.per_partition, cost.partitions, what.count);
  else
    fmt::print("  it does not fit a partition of {} leaves: it has to be spread over several\n", geometry.leaves());
  fmt::print("\n{:<28}{:>14}{:>18}\n", "dollars", "for one", fmt::format("for {}", what.count));
  const auto row = [&](const char* name, double one) {
    fmt::print("{:<28}{:>14.4g}{:>18.4g}\n", name, one, one * count);
  };
  row("synthesis, once", cost.synthesis);
  row("a recall (PCR and reads)", cost.recall);
  row("disk, a year", cost.disk_per_year);
  row("the tube, a year", cost.tube_per_year);
  fmt::print("\n{:<28}{:>14}{:>18}\n", "synthesis, dollars a nt", "for one", "cheaper than disk");
  for (const auto step : cheaper_steps)
    fmt::print("{:<28.3g}{:>14.4g}{:>18}\n", prices.synthesis_per_nt / step, cost.synthesis / step,
               text_of_years(cost.even_after_years(step)));
  fmt::print("\n{:<28}{}\n", "idle for", "DNA is cheaper where synthesis costs at most, dollars a nt");
  for (const auto years : idle_years) {
    const auto cheaper = cost.cheaper_for(years);
    fmt::print("{:<28}{}\n", fmt::format("{:g} years", years),
               cheaper == never ? "nothing: a recall alone costs more than the disk does"
                                : fmt::format("{:.2g}", prices.synthesis_per_nt / cheaper));
  }
  fmt::print(
      "\nassumed: ${:g} a nucleotide, ${:g} a million reads, ${:g} a PCR, ${:g} a GiB and month on disk, ${:g} a year "
      "for a tube;\n{:g} reads a strand, {:.0f} % of the reads on target, one recall\n",
      prices.synthesis_per_nt, prices.per_million_reads, prices.per_pcr, prices.disk_per_gib_month,
      prices.strand_store_per_year, what.coverage, 100 * what.on_target);
}

}  // namespace chromatin::dna
