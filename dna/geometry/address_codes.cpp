#include "dna/geometry/address_codes.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <random>
#include <stdexcept>

namespace chromatin::dna {
namespace {

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

/// 0 to count - 1 in a random order.
std::vector<std::uint32_t> shuffled(std::size_t count, std::mt19937_64& random) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (auto i = static_cast<std::uint32_t>(order.size()); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  return order;
}

std::vector<std::uint32_t> quaternary_level(const std::vector<std::uint32_t>& parents, std::uint32_t level,
                                            std::uint64_t seed) {
  static const auto price = mispriming();
  const auto count = static_cast<std::uint32_t>(parents.size() * 4);
  std::mt19937_64 random{seed + level};
  const auto order = shuffled(parents.size(), random);

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
  return codes;
}

/// What primers that end in each word of eight bases pay for those that are there, all at once: a mismatch costs the
/// same whatever the others are, so that the sum over all words is one base after the other's.
std::vector<std::uint64_t> prices_of(std::vector<std::uint64_t> counts) {
  constexpr std::array<unsigned, 8> falls{5, 4, 3, 3, 2, 2, 2, 2};  // mispriming's
  for (std::size_t base = 0; base < falls.size(); ++base) {
    const std::size_t step = std::size_t{1} << 2 * base;
    for (std::size_t word = 0; word < counts.size(); ++word) {
      if ((word >> 2 * base & 3) != 0) continue;
      std::array<std::uint64_t, 4> four{};
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < 4; ++i) sum += four[i] = counts[word + i * step];
      // A match counts 2^falls, a mismatch once.
      for (std::size_t i = 0; i < 4; ++i) counts[word + i * step] = (four[i] << falls[base]) - four[i] + sum;
    }
  }
  return counts;
}

/// quaternary_level for many nodes.
std::vector<std::uint32_t> large_level(const std::vector<std::uint32_t>& parents, std::uint32_t level,
                                       std::uint64_t seed) {
  constexpr std::uint32_t words = 1U << 16, rounds = 16, sweeps = 2;
  std::mt19937_64 random{seed + level};
  const auto order = shuffled(parents.size(), random);
  std::vector<std::uint32_t> codes(parents.size() * 4);
  std::vector<std::uint64_t> counts(words);
  for (std::uint32_t sweep = 0; sweep < sweeps; ++sweep)
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const auto begin = order.begin() + static_cast<std::ptrdiff_t>(order.size() * round / rounds);
      const auto end = order.begin() + static_cast<std::ptrdiff_t>(order.size() * (round + 1) / rounds);
      if (sweep > 0)
        for (auto at = begin; at != end; ++at)
          for (std::size_t child = 0; child < 4; ++child) --counts[codes[std::size_t{*at} * 4 + child] % words];
      const auto prices = prices_of(counts);
      for (auto at = begin; at != end; ++at) {
        std::array<std::array<std::uint64_t, 4>, 4> costs;
        for (std::uint32_t child = 0; child < 4; ++child)
          for (std::uint32_t second = 0; second < 4; ++second) {
            const auto code = (parents[*at] << 2 | child) << 2 | second;
            costs[child][second] = fits(code, 2 * level) ? prices[code % words] : impossible;
          }
        const auto seconds = cheapest_permutation(costs, random());
        for (std::uint32_t child = 0; child < 4; ++child) {
          const auto code = (parents[*at] << 2 | child) << 2 | seconds[child];
          codes[std::size_t{*at} * 4 + child] = code;
          ++counts[code % words];
        }
      }
    }
  return codes;
}

/// Whether `nt` bases, of which the last `added` are new, keep clear of runs, and G and C within `slack` of half
/// (in half bases). The last three are not the same, since what follows may add to them, and there is no run of four.
bool fits_edge(std::uint64_t code, std::uint32_t nt, std::uint32_t added, int slack) {
  const auto base = [&](std::uint32_t from_end) { return code >> 2 * from_end & 3; };
  // What stands before an address may add to its first base.
  if (nt == added && nt > 1 && base(nt - 1) == base(nt - 2)) return false;
  if (nt > 2 && base(0) == base(1) && base(1) == base(2)) return false;
  for (std::uint32_t i = 0; i < added && i + 3 < nt; ++i)
    if (base(i) == base(i + 1) && base(i) == base(i + 2) && base(i) == base(i + 3)) return false;
  int strong = 0;
  for (std::uint32_t i = 0; i < nt; ++i) strong += base(i) == 1 || base(i) == 2;
  return std::abs(2 * strong - static_cast<int>(nt)) <= slack;
}

/// Codes of the nodes of one level that were chosen before, by their number of bases.
class others_of_level {
 public:
  void add(std::uint64_t code, std::uint32_t nt) { codes_.push_back({static_cast<std::uint32_t>(code & mask), nt}); }

  std::uint64_t price(std::uint64_t code, std::uint32_t nt) const {
    static const auto prices = mispriming();
    std::uint64_t sum = 0;
    for (const auto& [other, length] : codes_)
      if (length == nt) sum += prices[mismatches(static_cast<std::uint32_t>(code & mask), other) & 0xfff];
    return sum;
  }

 private:
  static constexpr std::uint64_t mask = 0xffffff;  // the last twelve bases
  std::vector<std::pair<std::uint32_t, std::uint32_t>> codes_;
};

struct priced_word {
  std::uint64_t price;
  std::uint64_t code;
};

/// Words of one class, whose digits add up to the same modulo 4: any two of them differ in two bases.
std::vector<priced_word> words_of_class(std::uint64_t parent, std::uint32_t nt, std::uint32_t added, std::uint32_t sum,
                                        int slack, const others_of_level& others) {
  std::vector<priced_word> words;
  for (std::uint64_t word = 0; word < std::uint64_t{1} << 2 * added; ++word) {
    std::uint32_t digits = 0;
    for (std::uint32_t i = 0; i < added; ++i) digits += word >> 2 * i & 3;
    const auto code = parent << 2 * added | word;
    if (digits % 4 == sum && fits_edge(code, nt, added, slack)) words.push_back({others.price(code, nt), code});
  }
  return words;
}

/// Codes for the children of a node, two bases apart.
std::vector<std::uint64_t> children_codes(std::uint64_t parent, std::uint32_t parent_nt, std::uint32_t count,
                                          const others_of_level& others, std::mt19937_64& random) {
  const auto added = edge_nt(count), nt = parent_nt + added;
  if (added == 0) return {parent};
  // Where G and C cannot keep so near to half they may go a little farther.
  for (int slack = nt < 6 ? 3 : 4; slack <= 12; ++slack) {
    std::vector<priced_word> best;
    auto least = std::numeric_limits<std::uint64_t>::max();
    const auto turn = static_cast<std::uint32_t>(random() % 4);
    for (std::uint32_t i = 0; i < 4; ++i) {
      auto words = words_of_class(parent, nt, added, (i + turn) % 4, slack, others);
      if (words.size() < count) continue;
      std::stable_sort(words.begin(), words.end(), [](const auto& a, const auto& b) { return a.price < b.price; });
      words.resize(count);
      std::uint64_t sum = 0;
      for (const auto& one : words) sum += one.price;
      if (sum < least) least = sum, best = std::move(words);
    }
    if (best.empty()) continue;
    std::vector<std::uint64_t> codes;
    for (const auto& one : best) codes.push_back(one.code);
    return codes;
  }
  throw std::logic_error{"no words are left for the children of an index's node"};
}

}  // namespace

std::vector<std::uint64_t> quaternary_codes(std::uint32_t levels, std::uint64_t seed) {
  std::vector<std::uint64_t> all{0};
  std::vector<std::uint32_t> parents{0};
  for (std::uint32_t level = 1; level <= levels; ++level) {
    const bool many = levels > 6 && level > 5;
    parents = many ? large_level(parents, level, seed) : quaternary_level(parents, level, seed);
    all.insert(all.end(), parents.begin(), parents.end());
  }
  return all;
}

std::vector<std::uint64_t> edge_codes(const std::vector<index_node>& nodes, std::uint64_t seed) {
  std::vector<std::uint64_t> codes(nodes.size());
  others_of_level others;
  for (std::uint32_t i = 0, level = 0; i < nodes.size(); ++i) {
    if (nodes[i].level != level) level = nodes[i].level, others = {};
    if (nodes[i].children == 0) continue;
    std::mt19937_64 random{seed + i};
    const auto made = children_codes(codes[i], nodes[i].nt, nodes[i].children, others, random);
    for (std::uint32_t child = 0; child < made.size(); ++child) {
      codes[nodes[i].first_child + child] = made[child];
      others.add(made[child], nodes[nodes[i].first_child].nt);
    }
  }
  return codes;
}

std::uint64_t padded(std::uint64_t code, std::uint32_t from_nt, std::uint32_t nt, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  for (; from_nt < nt; ++from_nt) {
    std::array<std::uint64_t, 4> bases{0, 1, 2, 3};
    std::swap(bases[0], bases[random() % 4]);
    std::swap(bases[1], bases[1 + random() % 3]);
    std::uint64_t next = code << 2 | bases[0];
    for (const int slack : {2, 4, 64}) {
      const auto good = std::find_if(bases.begin(), bases.end(),
                                     [&](auto base) { return fits_edge(code << 2 | base, from_nt + 1, 1, slack); });
      if (good == bases.end()) continue;
      next = code << 2 | *good;
      break;
    }
    code = next;
  }
  return code;
}

}  // namespace chromatin::dna
