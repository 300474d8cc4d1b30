#include "dna/geometry/address_tree.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>

#include <fmt/format.h>

#include "dna/geometry/sequence.hpp"

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
/// `turn` decides between equals. There always is one: G and C can be balanced with four different seconds that do not
/// double the first base either.
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

/// G and C near half, and the last three bases not the same: then no run is longer than three. The first two are not
/// the same either, since what stands before an address may add to them.
bool fits(std::uint32_t code, std::uint32_t bases) {
  const auto steps = mismatches(code, code >> 2);
  const bool run = bases > 2 ? steps % 4 == 0 : steps % 2 == 0;
  return !run && std::abs(imbalance(code, bases)) <= (bases <= 4 ? 1 : 2);
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
  constexpr int sweeps = 4;
  for (int sweep = 0; sweep < sweeps; ++sweep)
    for (const auto parent : order) {
      std::fill_n(&codes[std::size_t{parent} * 4], 4, unset);
      // What each child pays for each second base, siblings aside; the impossible ones cost everything.
      std::array<std::array<std::uint64_t, 4>, 4> costs;
      for (std::uint32_t child = 0; child < 4; ++child) {
        const auto stem = parents[parent] << 2 | child;
        std::uint64_t differing = 0;
        std::array<std::uint64_t, 4> less{};  // of it, for others that end in this base
        for (const auto other : codes) {
          if (other == unset) continue;
          const auto mask = mismatches(stem, other >> 2) << 1;
          differing += price[mask | 1];
          less[other & 3] += price[mask] - price[mask | 1];
        }
        for (std::uint32_t second = 0; second < 4; ++second)
          costs[child][second] = fits(stem << 2 | second, 2 * level) ? differing + less[second] : impossible;
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

/// Walks the tree beside rows of the edit distance between prefix and text, and turns back where every cell is worse
/// than the best leaf so far.
struct address_tree::search {
  static constexpr std::uint32_t edits_most = 4;
  static constexpr std::size_t cells = 12 + edits_most + 1;
  using row = std::array<std::uint8_t, cells>;

  void visit(std::uint32_t level, std::uint32_t node, const row& above) {
    if (level == tree.levels_) return finish(node, above);
    for (std::uint32_t child = 4 * node; child < 4 * node + 4; ++child) {
      const auto code = tree.codes_[level + 1][child];
      const auto next = step(step(above, code >> 2 & 3), code & 3);
      if (*std::min_element(next.begin(), next.begin() + columns) <= best) visit(level + 1, child, next);
    }
  }

  row step(const row& above, std::uint32_t base) const {
    row next;
    next[0] = static_cast<std::uint8_t>(above[0] + 1);
    for (std::uint32_t j = 1; j < columns; ++j)
      next[j] =
          static_cast<std::uint8_t>(std::min({above[j] + 1, next[j - 1] + 1, above[j - 1] + (text[j - 1] != base)}));
    return next;
  }

  void finish(std::uint32_t leaf, const row& last) {
    const auto length = 2 * tree.levels_;
    for (std::uint32_t j = 0; j < columns; ++j) {
      if (last[j] > best) continue;
      const auto far = [&](std::uint32_t end) { return end > length ? end - length : length - end; };
      if (last[j] < best || !found) {
        found = address_match{leaf, last[j], j};
        best = last[j];
        tie = false;
      } else if (found->leaf != leaf) {
        tie = true;
      } else if (far(j) < far(found->length)) {
        found->length = j;
      }
    }
  }

  const address_tree& tree;
  std::array<std::uint8_t, cells> text{};
  std::uint32_t columns = 0;
  std::uint32_t best = 0;
  std::optional<address_match> found{};
  bool tie = false;
};

std::optional<address_match> address_tree::nearest(std::string_view text, std::uint32_t edits_max) const {
  if (const auto leaf = exact(text)) return address_match{*leaf, 0, 2 * levels_};
  if (edits_max == 0) return {};
  search walk{*this};
  walk.best = std::min(edits_max, search::edits_most);
  walk.columns = static_cast<std::uint32_t>(std::min<std::size_t>(text.size(), 2 * levels_ + walk.best)) + 1;
  search::row first{};
  for (std::uint32_t j = 0; j < walk.columns; ++j) {
    first[j] = static_cast<std::uint8_t>(j);
    // N differs from every base.
    if (j > 0) walk.text[j - 1] = static_cast<std::uint8_t>(base_index(text[j - 1]));
  }
  walk.visit(0, 0, first);
  if (walk.tie) return {};
  return walk.found;
}

}  // namespace chromatin::dna
