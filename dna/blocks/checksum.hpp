#pragma once

#include <cstdint>
#include <span>

namespace chromatin::dna {

/// XXH3-64, its low 32 bits.
std::uint32_t checksum(std::span<const std::uint8_t> bytes, std::uint64_t seed = 0);

}  // namespace chromatin::dna
