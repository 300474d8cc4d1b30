#include "gpu/cpu/quant_packing.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "gpu/cpu/quant_kernels.hpp"
#include "gpu/cpu/quant_layout.hpp"
#include "model/block_quants.hpp"

namespace chromatin::gpu {
namespace {

using step_words = std::array<std::uint32_t, strip_outputs>;
using strip_blocks = std::array<model::block_parts, strip_outputs>;

/// The numbers of a step, four bytes for each output.
step_words step_of(const strip_blocks& blocks, std::uint32_t first_input) {
  step_words words;
  for (std::uint32_t o = 0; o < strip_outputs; ++o)
    std::memcpy(&words[o], blocks[o].numbers.data() + first_input, sizeof words[o]);
  return words;
}

std::byte* put(std::byte* to, const step_words& words) {
  std::memcpy(to, words.data(), sizeof words);
  return to + sizeof words;
}

void put_span(std::uint32_t bits, const strip_blocks& blocks, std::uint32_t first_input, std::byte* to) {
  std::array<step_words, span_steps> steps;
  for (std::uint32_t s = 0; s < span_steps; ++s) steps[s] = step_of(blocks, first_input + s * step_inputs);
  if (bits == 8) {
    for (const auto& step : steps) to = put(to, step);
    return;
  }
  for (std::uint32_t s = 0; s < span_steps; s += 2) {
    step_words both;
    for (std::uint32_t o = 0; o < strip_outputs; ++o)
      both[o] = (steps[s][o] & 0x0f0f0f0fu) | (steps[s + 1][o] & 0x0f0f0f0fu) << 4;
    to = put(to, both);
  }
  // Steps share a vector of their upper bits.
  auto upper_bits = bits - 4;
  for (std::uint32_t first = 0, sharing = upper_bits == 2 ? 4 : 8; upper_bits > 0 && first < span_steps;
       first += sharing) {
    step_words rest{};
    auto mask = upper_bits == 2 ? 0x03030303u : 0x01010101u;
    for (std::uint32_t s = 0; s < sharing; ++s)
      for (std::uint32_t o = 0; o < strip_outputs; ++o)
        rest[o] |= (steps[first + s][o] >> 4 & mask) << (s * upper_bits);
    to = put(to, rest);
  }
}

template <class T, class Of>
std::byte* put_field(std::byte* to, const strip_blocks& blocks, Of of) {
  std::array<T, strip_outputs> field;
  for (std::uint32_t o = 0; o < strip_outputs; ++o) field[o] = of(blocks[o]);
  std::memcpy(to, field.data(), sizeof field);
  return to + sizeof field;
}

constexpr auto scale_of = [](const model::block_parts& b) { return b.scale; };
constexpr auto minimum_of = [](const model::block_parts& b) { return b.minimum; };

/// One block of each row.
void take_blocks(model::element kind, std::span<const std::byte* const> rows, std::uint64_t block,
                 strip_blocks& blocks) {
  for (std::size_t o = 0; o < rows.size(); ++o)
    model::take_apart(kind, rows[o] + block * model::layout_of(kind).block_bytes, blocks[o]);
}

void put_nested_chunk(model::element kind, const strip_blocks& blocks, std::byte* chunk) {
  const auto how = model::layout_of(kind);
  auto groups = chunk_inputs / how.group_values, spans = chunk_inputs / span_inputs;
  auto* to = put_field<std::uint16_t>(chunk, blocks, scale_of);
  if (how.has_minimums) to = put_field<std::uint16_t>(to, blocks, minimum_of);
  for (std::uint32_t g = 0; g < groups; ++g)
    to = put_field<std::int8_t>(to, blocks, [g](const auto& b) { return b.group_scales[g]; });
  for (std::uint32_t g = 0; how.has_minimums && g < groups; ++g)
    to = put_field<std::int8_t>(to, blocks, [g](const auto& b) { return b.group_minimums[g]; });
  for (std::uint32_t s = 0; s < spans; ++s)
    put_span(how.bits, blocks, s * span_inputs, chunk + header_bytes(how, spans) + s * span_bytes(how));
}

}  // namespace

void pack_strip(model::element kind, std::span<const std::byte* const> rows, std::uint32_t inputs, std::byte* strip) {
  static const bool avx512 = std::string_view{quant_kernels().name}.starts_with("avx512");
  if (avx512 && rows.size() == strip_outputs && pack_strip_avx512(kind, rows.data(), inputs, strip)) return;
  const auto how = model::layout_of(kind);
  strip_blocks blocks{};
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs) {
    auto spans = std::min(inputs - first, chunk_inputs) / span_inputs;
    std::memset(strip, 0, header_bytes(how, spans));
    if (how.nested) {
      take_blocks(kind, rows, first / chunk_inputs, blocks);
      put_nested_chunk(kind, blocks, strip);
    } else {
      for (std::uint32_t s = 0; s < spans; ++s) {
        constexpr auto field_bytes = 2 * strip_outputs;
        take_blocks(kind, rows, first / span_inputs + s, blocks);
        put_field<std::uint16_t>(strip + s * field_bytes, blocks, scale_of);
        if (how.has_minimums) put_field<std::uint16_t>(strip + (spans + s) * field_bytes, blocks, minimum_of);
        put_span(how.bits, blocks, 0, strip + header_bytes(how, spans) + s * span_bytes(how));
      }
    }
    strip += chunk_bytes(how, spans);
  }
}

}  // namespace chromatin::gpu
