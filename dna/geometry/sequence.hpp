#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chromatin::dna {

/// A, C, G, T, in this order 0 to 3; anything else -1. Lower case is not a base here: readers raise it first.
int base_index(char base);

/// The other strand, 5' to 3'. What is not a base (N) stays as it is.
std::string reverse_complement(std::string_view bases);

/// Bases of the longest homopolymer, and the share of G and C (0 where there are no bases).
std::uint32_t longest_run(std::string_view bases);
double gc_share(std::string_view bases);

}  // namespace chromatin::dna
