#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::dna {

/// Both primers of a PCR as they are ordered, 5' to 3'. A strand begins with `forward` and ends with the reverse
/// complement of `reverse`.
struct primer_pair {
  std::string forward;
  std::string reverse;

  bool operator==(const primer_pair&) const = default;
};

/// The built-in pairs of 20-nt primers, each of which can be used beside any other (primer_library.cpp).
std::span<const primer_pair> primer_library();

/// Why a sequence makes a poor primer, from the letters alone: share of G and C, runs and repeats, the 3' end, a stem
/// with itself. Empty where there is nothing against it.
std::string primer_fault(std::string_view primer);

/// Whether two primers could be taken for each other, or pair with each other: they share eight bases in a row, on
/// either strand, or five at a 3' end pair with the other's.
bool primers_clash(std::string_view a, std::string_view b);

/// Draws primers of `primer_nt` bases until there are `count` pairs, none of which has a fault or clashes with another
/// or with `taken`. `accept` sees every primer that has come so far and may refuse it (thermodynamics). Always the same
/// for a seed. Throws std::runtime_error where no more can be found.
std::vector<primer_pair> design_primers(std::size_t count, std::uint32_t primer_nt, std::uint64_t seed,
                                        std::span<const primer_pair> taken = {},
                                        const std::function<bool(std::string_view primer)>& accept = {});

/// Where in a strand a primer could bind besides its own place.
struct primer_site {
  std::size_t strand = 0;   ///< number in the list
  std::uint32_t edits = 0;  ///< between primer and strand
  bool reversed = false;    ///< on the other strand
};

/// Sites in what lies between the primers of these strands with at most `edits_max` edits.
std::vector<primer_site> primer_sites(std::string_view primer, std::span<const std::string_view> inner_strands,
                                      std::uint32_t edits_max);

}  // namespace chromatin::dna
