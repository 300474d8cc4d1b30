#include "dna/geometry/sequence.hpp"

#include <algorithm>

namespace chromatin::dna {

int base_index(char base) {
  switch (base) {
    case 'A':
      return 0;
    case 'C':
      return 1;
    case 'G':
      return 2;
    case 'T':
      return 3;
    default:
      return -1;
  }
}

std::string reverse_complement(std::string_view bases) {
  std::string other(bases.size(), 'N');
  std::transform(bases.rbegin(), bases.rend(), other.begin(), [](char base) {
    const int index = base_index(base);
    return index < 0 ? base : "TGCA"[index];
  });
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
