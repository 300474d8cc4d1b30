#pragma once

/// The blocks of quantised tensors, as GGUF files have them: 32 or 256 neighbouring values of a row.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "model/element.hpp"

namespace chromatin::model {

/// What IQ4_NL's numbers stand for; these are what element_layout's formula means.
inline constexpr std::array<std::uint8_t, 16> iq4_nl_values{1,   24,  45,  63,  79,  93,  106, 118,
                                                            129, 141, 153, 166, 181, 197, 217, 241};

/// A block taken apart; what its values are, element_layout says.
struct block_parts {
  std::array<std::uint8_t, 256> numbers;
  std::uint16_t scale = 0, minimum = 0;          ///< half-precision factors of the block
  std::array<std::int8_t, 16> group_scales{};    ///< of nested kinds, for each group
  std::array<std::int8_t, 16> group_minimums{};  ///< the same
};

/// `block` has block_bytes of a quantised `type`.
void take_apart(element type, const std::byte* block, block_parts& parts);

/// Whole blocks as float32; `out` has as many values as they have.
void blocks_to_f32(element type, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace chromatin::model
