#pragma once

#include "dna/geometry/primers.hpp"

namespace chromatin::dna {

/// Of partitions in tests.
inline const primer_pair test_primers{"AACCGTGTTGCAGTCTGATC", "TCAGGATACCGTTGACGTCA"};

}  // namespace chromatin::dna
