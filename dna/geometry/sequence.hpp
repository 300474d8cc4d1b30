#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace chromatin::dna {

namespace detail {
constexpr std::array<std::int8_t, 256> base_indexes = [] {
  std::array<std::int8_t, 256> table;
  table.fill(-1);
  for (std::int8_t i = 0; i < 4; ++i) table[static_cast<unsigned char>("ACGT"[i])] = i;
  return table;
}();
}  // namespace detail

/// A, C, G, T, in this order 0 to 3; anything else -1. Lower case is not a base here: readers raise it first.
constexpr int base_index(char base) { return detail::base_indexes[static_cast<unsigned char>(base)]; }

/// The other strand, 5' to 3'. What is not a base (N) stays as it is.
std::string reverse_complement(std::string_view bases);

/// Bases of the longest homopolymer, and the share of G and C (0 where there are no bases).
std::uint32_t longest_run(std::string_view bases);
double gc_share(std::string_view bases);

}  // namespace chromatin::dna
