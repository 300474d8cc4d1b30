#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dna/wetlab/tube.hpp"

namespace chromatin::dna::wetlab {

/// What an order of oligos comes back as, once made double-stranded.
struct synthesis_options {
  double copies = 1e6;                  ///< of each strand, on average
  double copy_number_variation = 0.48;  ///< standard deviation over mean; gamma distributed, as calibration fits it
};

/// Errors of synthesis are not molecules of their own here: they are drawn when a read is made (sequencer.hpp), as if
/// every copy had been synthesised alone. `names` may be empty. Throws std::invalid_argument where names do not match.
tube synthesise(const std::vector<std::string>& strands, const std::vector<std::string>& names,
                const synthesis_options& options, std::uint64_t seed);

/// Time: each copy survives with 2^(-half_lives), drawn one by one, so that rare strands drop out altogether.
tube age(const tube& from, double half_lives, std::uint64_t seed);

/// Two tubes poured together, as they are: an update is mixed in at the concentration it was made in. Origins of the
/// second follow those of the first.
tube mix(const tube& one, const tube& other);

}  // namespace chromatin::dna::wetlab
