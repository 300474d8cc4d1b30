#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dna/wetlab/error_profile.hpp"
#include "dna/wetlab/tube.hpp"

namespace chromatin::dna::wetlab {

/// What an order of oligos comes back as, once made double-stranded.
struct synthesis_options {
  double copies = 1e6;                  ///< of each strand, on average
  double copy_number_variation = 0.48;  ///< standard deviation over mean; gamma distributed, as calibration fits it
  double dropout = 0;                   ///< share of strands that did not come at all
  /// Molecules of each strand that are made with errors of their own, on average, where above 0: what a pool descends
  /// from once a small part of it was amplified. All copies of one share its errors, which no number of reads votes
  /// out.
  double founders = 0;
  error_profile errors{};  ///< of synthesis, for founders
  double pcr_bias = 0;     ///< change of the logarithm of copies for 10 % more G and C than half
};

/// Options that a calibrated profile tells; its errors go to founders where there are any.
synthesis_options as_measured(const error_profile& profile, double founders);

/// Without founders, errors of synthesis are not molecules of their own: they are drawn when a read is made
/// (sequencer.hpp), as if every copy had been synthesised alone. `names` may be empty. Throws std::invalid_argument
/// where names do not match.
tube synthesise(const std::vector<std::string>& strands, const std::vector<std::string>& names,
                const synthesis_options& options, std::uint64_t seed);

/// The tube with copies as uneven as a profile was measured, and as many strands missing.
tube as_measured_copies(const tube& from, const error_profile& profile, std::uint64_t seed);

/// Time: each copy survives with 2^(-half_lives), drawn one by one, so that rare strands drop out altogether.
tube age(const tube& from, double half_lives, std::uint64_t seed);

/// What time and water do besides: `depurination` breaks a strand at each A or G with that chance, and broken ones are
/// not amplified; `deamination` makes a T of each C, which each copy then carries. Drawn for each kind of molecule by
/// its copies: a kind becomes an unharmed one and, where there are few copies, harmed ones.
tube damage(const tube& from, double depurination, double deamination, std::uint64_t seed);

/// Two tubes poured together, as they are: an update is mixed in at the concentration it was made in. Origins of the
/// second follow those of the first.
tube mix(const tube& one, const tube& other);
/// The same, poured into the first, whose history stays as it is.
void pour(const tube& other, tube& into);

}  // namespace chromatin::dna::wetlab
