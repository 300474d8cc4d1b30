#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace chromatin::dna {

/// primer3's program is not there, or does not do what it should. Says how to get them.
struct primer3_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Thermodynamics of primers by primer3's program `ntthal`, for when primers are designed or checked.
/// Conditions of a PCR: 50 mM monovalent and 1.5 mM divalent ions, 0.6 mM dNTP, 250 nM primer. Temperatures in degrees
/// Celsius; structures that do not form have very low ones. Each call starts the program: a hundredth of a second, and
/// as much for every fifty oligos.
class primer3 {
 public:
  /// Throws primer3_error where it is not installed.
  primer3();

  /// Of each oligo with its complement; at most 60 bases.
  std::vector<double> melting_points(std::span<const std::string> oligos) const;
  /// Of the most stable hairpin of each; at most 60 bases.
  std::vector<double> hairpins(std::span<const std::string> oligos) const;
  /// Of the most stable duplex of each two.
  std::vector<double> dimers(std::span<const std::pair<std::string, std::string>> pairs) const;

  /// primer3's own default limit for hairpins and dimers (PRIMER_MAX_HAIRPIN_TH, PRIMER_MAX_SELF_ANY_TH).
  static constexpr double structure_max_c = 47;
};

}  // namespace chromatin::dna
