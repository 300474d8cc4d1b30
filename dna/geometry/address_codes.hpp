#pragma once

#include <cstdint>
#include <vector>

#include "dna/geometry/index_shape.hpp"

namespace chromatin::dna {

/// The bases of every node's prefix, two bits each, the last base lowest. Siblings are two bases apart, no base stands
/// four times in a row (three times at the end, twice at the beginning), G and C keep near half, and among the words
/// that are left those are taken in which prefixes of one length differ most where the 3' end of a primer would sit,
/// since mispriming falls off fastest with mismatches there. Follows from nodes and seed: part of the format.
///
/// Of the quaternary tree each edge is two bases: the first tells the child (A, C, G, T for 0 to 3), the second differs
/// between siblings, and a whole elongated primer has 40 to 56 % G and C. In trees of more than six levels, those
/// below the fifth are chosen in rounds, by what is known after the round before: otherwise the work would grow with
/// the square of the nodes.
std::vector<std::uint64_t> quaternary_codes(std::uint32_t levels, std::uint64_t seed);
std::vector<std::uint64_t> edge_codes(const std::vector<index_node>& nodes, std::uint64_t seed);

/// A leaf's code made longer, up to `nt` bases, within the same limits.
std::uint64_t padded(std::uint64_t code, std::uint32_t from_nt, std::uint32_t nt, std::uint64_t seed);

}  // namespace chromatin::dna
