#include "model/block_quants.hpp"

#include <cassert>
#include <cstring>

#include "model/half.hpp"

namespace chromatin::model {
namespace {

std::uint32_t byte_at(const std::byte* from, std::size_t i) { return std::to_integer<std::uint32_t>(from[i]); }

std::uint16_t half_at(const std::byte* from) {
  std::uint16_t half;
  std::memcpy(&half, from, sizeof half);
  return half;
}

/// 32 numbers of four bits: the lower halves of 16 bytes, then the upper ones.
void split_halves(const std::byte* from, block_parts& to) {
  for (std::size_t i = 0; i < 16; ++i) {
    to.numbers[i] = byte_at(from, i) & 15u;
    to.numbers[i + 16] = static_cast<std::uint8_t>(byte_at(from, i) >> 4);
  }
}

/// Of 32 numbers the fifth bits.
void add_fifth_bits(const std::byte* from, block_parts& to) {
  for (std::size_t i = 0; i < 32; ++i) to.numbers[i] |= (byte_at(from, i / 8) >> i % 8 & 1u) << 4;
}

void take_q8_0(const std::byte* block, block_parts& to) {
  to.scale = half_at(block);
  for (std::size_t i = 0; i < 32; ++i) to.numbers[i] = byte_at(block + 2, i) ^ 128u;
}

/// Q4_0, Q4_1, Q5_0, Q5_1 and IQ4_NL: factors, fifth bits, halves. A minimum is added, not taken away.
void take_small(const std::byte* block, bool minimum, bool fifth, block_parts& to) {
  to.scale = half_at(block);
  block += 2;
  if (minimum) {
    to.minimum = half_at(block) ^ 0x8000u;
    block += 2;
  }
  split_halves(block + (fifth ? 4 : 0), to);
  if (fifth) add_fifth_bits(block, to);
}

/// Six bits each for eight scales and eight minimums: those of the first four groups have bytes of their own, whose
/// upper two bits belong to the last four.
void take_scales(const std::byte* packed, block_parts& to) {
  for (std::size_t g = 0; g < 4; ++g) {
    auto scale = byte_at(packed, g), minimum = byte_at(packed, g + 4), late = byte_at(packed, g + 8);
    to.group_scales[g] = static_cast<std::int8_t>(scale & 63u);
    to.group_minimums[g] = static_cast<std::int8_t>(minimum & 63u);
    to.group_scales[g + 4] = static_cast<std::int8_t>((late & 15u) | scale >> 6 << 4);
    to.group_minimums[g + 4] = static_cast<std::int8_t>(late >> 4 | minimum >> 6 << 4);
  }
}

/// Q4_K and Q5_K: two groups share 32 bytes; of a byte of fifth bits each group has one.
void take_q45_k(const std::byte* block, bool fifth, block_parts& to) {
  to.scale = half_at(block);
  to.minimum = half_at(block + 2);
  take_scales(block + 4, to);
  const auto *high = block + 16, *low = high + (fifth ? 32 : 0);
  for (std::size_t group = 0; group < 8; ++group)
    for (std::size_t i = 0; i < 32; ++i) {
      auto number = byte_at(low, group / 2 * 32 + i) >> group % 2 * 4 & 15u;
      if (fifth) number |= (byte_at(high, i) >> group & 1u) << 4;
      to.numbers[group * 32 + i] = static_cast<std::uint8_t>(number);
    }
}

/// Of each 128 values the lower four bits are in 64 bytes, the upper two in 32.
void take_q6_k(const std::byte* block, block_parts& to) {
  const auto *low = block, *high = block + 128, *scales = block + 192;
  for (std::size_t part = 0; part < 8; ++part)
    for (std::size_t half = part / 4, quarter = part % 4, i = 0; i < 32; ++i) {
      auto number = byte_at(low, half * 64 + quarter % 2 * 32 + i) >> quarter / 2 * 4 & 15u;
      number |= (byte_at(high, half * 32 + i) >> quarter * 2 & 3u) << 4;
      to.numbers[part * 32 + i] = static_cast<std::uint8_t>(number);
    }
  std::memcpy(to.group_scales.data(), scales, 16);
  to.scale = half_at(block + 208);
}

}  // namespace

void take_apart(element type, const std::byte* block, block_parts& to) {
  assert(is_quantised(type));
  switch (type) {
    case element::q8_0:
      return take_q8_0(block, to);
    case element::q4_k:
    case element::q5_k:
      return take_q45_k(block, type == element::q5_k, to);
    case element::q6_k:
      return take_q6_k(block, to);
    default:
      return take_small(block, layout_of(type).has_minimums, layout_of(type).bits == 5, to);
  }
}

void blocks_to_f32(element type, std::span<const std::byte> blocks, std::span<float> out) {
  auto how = layout_of(type);
  block_parts parts;
  for (std::size_t block = 0; block * how.block_values < out.size(); ++block) {
    take_apart(type, blocks.data() + block * how.block_bytes, parts);
    auto factor = f16_to_f32(parts.scale), least = how.has_minimums ? f16_to_f32(parts.minimum) : 0.0f;
    for (std::size_t g = 0; g < how.block_values / how.group_values; ++g) {
      auto scale = how.nested ? factor * static_cast<float>(parts.group_scales[g]) : factor;
      auto minimum = how.nested ? least * static_cast<float>(parts.group_minimums[g]) : least;
      for (std::size_t i = g * how.group_values; i < (g + 1) * how.group_values; ++i) {
        auto number = type == element::iq4_nl ? iq4_nl_values[parts.numbers[i]] : parts.numbers[i];
        out[block * how.block_values + i] = scale * static_cast<float>(number - how.offset) - minimum;
      }
    }
  }
}

}  // namespace chromatin::model
