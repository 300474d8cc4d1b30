#include "dna/geometry/motifs.hpp"

#include "dna/geometry/sequence.hpp"

namespace chromatin::dna {

bool address_has_motif(const strand_layout& layout, std::uint32_t leaf) {
  const auto& g = layout.geometry();
  for (const auto& motif : g.avoid)
    for (const auto& side : {motif, reverse_complement(motif)})
      for (std::uint32_t version = 0; version < g.versions(); ++version)
        for (std::uint32_t molecule = 0; molecule < g.molecules(); ++molecule)
          if ((layout.head() + layout.index_bases({leaf, version, molecule})).find(side) != std::string::npos)
            return true;
  return false;
}

}  // namespace chromatin::dna
