#pragma once

/// Numbers in bytes, as everything that is stored in DNA has them.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dna/blocks/block.hpp"

namespace chromatin::dna {

/// So many bytes of the value, the lowest first.
inline void put_fixed(byte_string& to, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

/// Of at most eight bytes.
inline std::uint64_t get_fixed(std::span<const std::uint8_t> from) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < from.size(); ++i) value |= std::uint64_t{from[i]} << 8 * i;
  return value;
}

/// LEB128: seven bits a byte, the lowest first, the eighth bit set on all but the last. At most 63 bits.
inline void put_number(byte_string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<std::uint8_t>(value | 0x80));
  to.push_back(static_cast<std::uint8_t>(value));
}

enum class number_reading : std::uint8_t { taken, cut_short, too_large };

/// Takes a number off the front; nothing is taken where there is none.
inline number_reading take_number(std::span<const std::uint8_t>& from, std::uint64_t& value) {
  constexpr std::size_t bytes_max = 9;
  value = 0;
  for (std::size_t i = 0; i < from.size() && i < bytes_max; ++i) {
    value |= std::uint64_t{from[i] & 0x7fU} << 7 * i;
    if (from[i] >= 0x80) continue;
    from = from.subspan(i + 1);
    return number_reading::taken;
  }
  return from.size() < bytes_max ? number_reading::cut_short : number_reading::too_large;
}

}  // namespace chromatin::dna
