#include "kv/chunk.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#define XXH_STATIC_LINKING_ONLY  // lets the state stand on the stack
#include <xxhash.h>

namespace chromatin::kv {

hash128 hash(std::span<const std::byte> bytes, hash128 seed) {
  XXH3_state_t state;
  XXH3_128bits_reset(&state);
  XXH3_128bits_update(&state, &seed, sizeof seed);
  XXH3_128bits_update(&state, bytes.data(), bytes.size());
  auto digest = XXH3_128bits_digest(&state);
  return {digest.high64, digest.low64};
}

std::string to_string(hash128 h) {
  std::array<char, 33> text;
  std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(h.high),
                static_cast<unsigned long long>(h.low));
  return text.data();
}

std::uint64_t checksum(std::span<const std::byte> slice) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (std::size_t begin = 0; begin < slice.size(); begin += slice_alignment_bytes) {
    auto piece = slice.subspan(begin, std::min(slice_alignment_bytes, slice.size() - begin));
    std::uint64_t sum = XXH3_64bits(piece.data(), piece.size());
    XXH3_64bits_update(&state, &sum, sizeof sum);
  }
  return XXH3_64bits_digest(&state);
}

std::uint64_t checksum_of_pieces(std::span<const std::uint64_t> sums) {
  return XXH3_64bits(sums.data(), sums.size_bytes());
}

}  // namespace chromatin::kv
