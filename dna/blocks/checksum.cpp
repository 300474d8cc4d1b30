#include "dna/blocks/checksum.hpp"

#include <xxhash.h>

namespace chromatin::dna {

std::uint32_t checksum(std::span<const std::uint8_t> bytes, std::uint64_t seed) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed));
}

}  // namespace chromatin::dna
