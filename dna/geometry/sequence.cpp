#include "dna/geometry/sequence.hpp"

#include <algorithm>

namespace chromatin::dna {

std::string reverse_complement(std::string_view bases) {
  static constexpr auto complements = [] {
    std::array<char, 256> table;
    for (std::size_t c = 0; c < table.size(); ++c) {
      const auto base = static_cast<char>(c);
      table[c] = base_index(base) < 0 ? base : "TGCA"[base_index(base)];
    }
    return table;
  }();
  std::string other(bases.rbegin(), bases.rend());
  for (char& base : other) base = complements[static_cast<unsigned char>(base)];
  return other;
}

std::uint32_t longest_run(std::string_view bases) {
  std::uint32_t longest = 0, run = 0;
  for (std::size_t i = 0; i < bases.size(); ++i) {
    run = i > 0 && bases[i] == bases[i - 1] ? run + 1 : 1;
    longest = std::max(longest, run);
  }
  return longest;
}

double gc_share(std::string_view bases) {
  if (bases.empty()) return 0;
  const auto strong = std::count_if(bases.begin(), bases.end(), [](char base) { return base == 'G' || base == 'C'; });
  return static_cast<double>(strong) / static_cast<double>(bases.size());
}

}  // namespace chromatin::dna
