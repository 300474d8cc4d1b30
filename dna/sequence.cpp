#include "dna/sequence.hpp"

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

}  // namespace chromatin::dna
