#include "dna/address_tree.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/sequence.hpp"

namespace chromatin::dna {
namespace {

constexpr std::string_view letters = "ACGT";

/// How well a primer with these mismatches still primes, times 2^32: the last base of a primer is the lowest bit.
/// Only the order of magnitude matters: it ranks choices.
std::array<std::uint64_t, 4096> mispriming() {
  /// Falls by 2^n for a mismatch at this distance from the 3' end.
  constexpr std::array<unsigned, 12> falls{5, 4, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1};
  std::array<std::uint64_t, 4096> table{};
  for (unsigned mask = 0; mask < table.size(); ++mask) {
    unsigned bits = 0;
    for (unsigned i = 0; i < falls.size(); ++i)
      if (mask >> i & 1) bits += falls[i];
    table[mask] = std::uint64_t{1} << (32 - bits);
  }
  return table;
}

/// One bit for each base in which two codes differ.
unsigned mismatches(std::uint32_t a, std::uint32_t b) {
  std::uint32_t x = a ^ b;
  x = (x | x >> 1) & 0x55555555U;
  x = (x | x >> 1) & 0x33333333U;
  x = (x | x >> 2) & 0x0f0f0f0fU;
  x = (x | x >> 4) & 0x00ff00ffU;
  return (x | x >> 8) & 0xffffU;
}

constexpr auto impossible = std::numeric_limits<std::uint64_t>::max() / 8;

/// A second base for each of four siblings, no two the same, so that siblings differ in both bases of their edge;
/// `turn` decides between equals. There always is one: of the possible seconds of each child (not its first base, G and
/// C balanced) four different ones can be taken.
std::array<std::uint32_t, 4> cheapest_permutation(const std::array<std::array<std::uint64_t, 4>, 4>& costs,
                                                  std::uint64_t turn) {
  std::array<std::uint32_t, 4> order{0, 1, 2, 3}, best = order;
  std::rotate(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(turn & 3), order.end());
  auto least = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 24; ++i, std::next_permutation(order.begin(), order.end())) {
    std::uint64_t sum = 0;
    for (std::uint32_t child = 0; child < 4; ++child) sum += costs[child][order[child]];
    if (sum < least) least = sum, best = order;
  }
  return best;
}

/// G and C above half, in pairs of bases.
int imbalance(std::uint32_t code, std::uint32_t bases) {
  int strong = 0;
  for (std::uint32_t i = 0; i < bases; ++i) strong += (code >> 2 * i & 3) == 1 || (code >> 2 * i & 3) == 2;
  return strong - static_cast<int>(bases / 2);
}

std::string text_of(std::uint32_t code, std::uint32_t bases) {
  std::string text(bases, 'A');
  for (std::uint32_t i = 0; i < bases; ++i) text[bases - 1 - i] = letters[code >> 2 * i & 3];
  return text;
}

}  // namespace

address_tree::address_tree(std::uint32_t levels, std::uint64_t seed) : levels_{levels} {
  if (levels < 1 || levels > 6) throw std::invalid_argument{"an address tree has 1 to 6 levels"};
  codes_.push_back({0});
  for (std::uint32_t level = 1; level <= levels; ++level) choose_level(level, seed);
}

void address_tree::choose_level(std::uint32_t level, std::uint64_t seed) {
  static const auto price = mispriming();
  const auto& parents = codes_[level - 1];
  const auto count = static_cast<std::uint32_t>(parents.size() * 4);
  std::mt19937_64 random{seed + level};
  std::vector<std::uint32_t> order(parents.size());
  std::iota(order.begin(), order.end(), 0U);
  for (auto i = static_cast<std::uint32_t>(order.size()); i > 1; --i) std::swap(order[i - 1], order[random() % i]);

  constexpr auto unset = std::numeric_limits<std::uint32_t>::max();
  std::vector<std::uint32_t> codes(count, unset);
  constexpr int sweeps = 3;
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (const auto parent : order) {
      std::fill_n(&codes[std::size_t{parent} * 4], 4, unset);
      // What each child pays for each second base, siblings aside; the impossible ones cost everything.
      std::array<std::array<std::uint64_t, 4>, 4> costs;
      for (std::uint32_t child = 0; child < 4; ++child)
        for (std::uint32_t second = 0; second < 4; ++second) {
          const auto code = (parents[parent] << 2 | child) << 2 | second;
          auto& sum = costs[child][second] = impossible;
          if (second == child || std::abs(imbalance(code, 2 * level)) > 1) continue;
          sum = 0;
          for (const auto other : codes)
            if (other != unset) sum += price[mismatches(code, other)];
        }
      const auto seconds = cheapest_permutation(costs, random());
      for (std::uint32_t child = 0; child < 4; ++child)
        codes[std::size_t{parent} * 4 + child] = (parents[parent] << 2 | child) << 2 | seconds[child];
    }
  codes_.push_back(std::move(codes));
}

std::string address_tree::bases(std::uint32_t leaf) const { return prefix({leaf, levels_}); }

std::string address_tree::prefix(const subtree& node) const {
  if (node.level > levels_ || node.first >= leaves() || node.first % leaves_below(node.level) != 0)
    throw std::out_of_range{fmt::format("no node at leaf {}, level {}", node.first, node.level)};
  return text_of(codes_[node.level][node.first / leaves_below(node.level)], 2 * node.level);
}

std::vector<subtree> address_tree::cover(const leaf_run& run) const {
  if (run.first > leaves() || run.count > leaves() - run.first)
    throw std::out_of_range{fmt::format("no leaves {} to {} among {}", run.first, run.end(), leaves())};
  std::vector<subtree> nodes;
  for (auto leaf = run.first; leaf < run.end();) {
    auto level = levels_;
    while (level > 0 && leaf % leaves_below(level - 1) == 0 && leaf + leaves_below(level - 1) <= run.end()) --level;
    nodes.push_back({leaf, level});
    leaf += leaves_below(level);
  }
  return nodes;
}

std::optional<std::uint32_t> address_tree::exact(std::string_view text) const {
  if (text.size() < 2 * levels_) return {};
  std::uint32_t leaf = 0, code = 0;
  for (std::uint32_t i = 0; i < 2 * levels_; ++i) {
    const int base = base_index(text[i]);
    if (base < 0) return {};
    code = code << 2 | static_cast<std::uint32_t>(base);
    if (i % 2 == 0) leaf = leaf << 2 | static_cast<std::uint32_t>(base);
  }
  if (codes_[levels_][leaf] != code) return {};
  return leaf;
}

std::optional<address_match> address_tree::nearest(std::string_view text, std::uint32_t edits_max) const {
  if (const auto leaf = exact(text)) return address_match{*leaf, 0, 2 * levels_};
  (void)edits_max;
  return {};
}

}  // namespace chromatin::dna
