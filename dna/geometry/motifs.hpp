#pragma once

#include "dna/geometry/strand.hpp"

namespace chromatin::dna {

/// Whether an address makes a motif that the profile avoids, in some version or molecule, whatever the payload: such a
/// leaf cannot be written to.
bool address_has_motif(const strand_layout& layout, std::uint32_t leaf);

}  // namespace chromatin::dna
