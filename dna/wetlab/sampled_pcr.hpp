#pragma once

#include "dna/wetlab/pcr.hpp"

namespace chromatin::dna::wetlab {

/// How a PCR on a tube of thousands of blocks is modelled in less time; 0: all as it is. A strand and a primer are
/// *far* where the priming model has nothing but its floor for them: there are many such pairs, and they are all alike.
struct pcr_sampling {
  std::size_t far_strands_max = 0;  ///< of the strands far from all primers, so many, drawn, stand for all of them
  std::size_t far_primers_max = 0;  ///< of the primers far from a strand, so many copy it for all of them
};

/// amplify, with as many copies from far strands and by far primers, of fewer kinds.
pcr_result amplify(const tube& from, const std::vector<pcr_step>& steps, const pcr_options& options,
                   const pcr_sampling& sampling, std::uint64_t seed);

}  // namespace chromatin::dna::wetlab
