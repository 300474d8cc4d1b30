// Dot products of bytes (VPDPBUSD): unsigned numbers of the weights times signed halves of the inputs.

#include <immintrin.h>

#include "gpu/cpu/quant_kernels.hpp"
#include "gpu/cpu/quant_layout.hpp"
#include "model/block_quants.hpp"

namespace chromatin::gpu {
namespace {

using model::element;

/// How far ahead of what is read weights are asked for: farther than the processor looks by itself, since it stops at
/// the end of a page.
constexpr std::size_t ahead_bytes = 4096;
/// Rows that share unpacked numbers.
constexpr std::uint32_t rows_max = 4;
/// Strips that one row is multiplied by at a time.
constexpr std::uint32_t streams = 2;

inline __m512i load(const std::byte* from) { return _mm512_loadu_si512(from); }

inline __m512 halves(const std::byte* from) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

inline __m512 bytes(const std::byte* from) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
}

inline __m512i shifted(const __m512i& v, int left) {
  return left >= 0 ? _mm512_slli_epi16(v, static_cast<unsigned>(left))
                   : _mm512_srli_epi16(v, static_cast<unsigned>(-left));
}

/// numbers | (v, shifted) & mask
inline __m512i with_bits(const __m512i& numbers, const __m512i& v, int left, int mask) {
  return _mm512_ternarylogic_epi32(shifted(v, left), _mm512_set1_epi8(static_cast<char>(mask)), numbers, 0xea);
}

template <element kind>
inline void numbers_of(const std::byte* span, __m512i numbers[span_steps]) {
  constexpr auto bits = model::layout_of(kind).bits;
  if constexpr (bits == 8) {
    for (std::uint32_t s = 0; s < span_steps; ++s) numbers[s] = load(span + s * vector_bytes);
    return;
  }
  const auto low = _mm512_set1_epi8(15);
  for (std::uint32_t s = 0; s < span_steps; s += 2) {
    auto both = load(span + s / 2 * vector_bytes);
    numbers[s] = _mm512_and_si512(both, low);
    numbers[s + 1] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
  }
  const auto* rest = span + 4 * vector_bytes;
  if constexpr (bits == 5) {
    auto fifth = load(rest);
    for (int s = 0; s < int{span_steps}; ++s) numbers[s] = with_bits(numbers[s], fifth, 4 - s, 0x10);
  }
  if constexpr (bits == 6)
    for (int s = 0; s < int{span_steps}; ++s)
      numbers[s] = with_bits(numbers[s], load(rest + s / 4 * int{vector_bytes}), 4 - s % 4 * 2, 0x30);
  if constexpr (kind == element::iq4_nl) {
    const auto table =
        _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(model::iq4_nl_values.begin())));
    for (std::uint32_t s = 0; s < span_steps; ++s) numbers[s] = _mm512_shuffle_epi8(table, numbers[s]);
  }
}

inline __m512i four_inputs(const std::int8_t* from) {
  int four;
  __builtin_memcpy(&four, from, sizeof four);
  return _mm512_set1_epi32(four);
}

/// Of some steps, from numbers and inputs on, the sums of products less `less`.
template <std::uint32_t steps>
inline __m512 products(const __m512i* numbers, const quant_inputs& x, std::uint32_t input, std::uint32_t less) {
  auto high = _mm512_setzero_si512(), low = _mm512_set1_epi32(static_cast<std::int32_t>(0u - less));
  for (std::uint32_t s = 0; s < steps; ++s) {
    high = _mm512_dpbusd_epi32(high, numbers[s], four_inputs(x.high + input + s * step_inputs));
    low = _mm512_dpbusd_epi32(low, numbers[s], four_inputs(x.low + input + s * step_inputs));
  }
  return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 8), low));
}

template <element kind>
struct chunk_view {
  static constexpr auto how = model::layout_of(kind);
  static constexpr std::uint32_t half_bytes = 2 * strip_outputs;
  const std::byte* begin;
  std::uint32_t spans;

  const std::byte* span(std::uint32_t s) const { return begin + header_bytes(how, spans) + s * span_bytes(how); }
  /// Without the chunk's factor in nested kinds.
  __m512 scale(std::uint32_t group) const {
    if constexpr (!how.nested) return halves(begin + group * half_bytes);
    return bytes(begin + (how.has_minimums ? 2 : 1) * half_bytes + group * strip_outputs);
  }
  __m512 minimum(std::uint32_t group) const {
    if constexpr (!how.nested) return halves(begin + (spans + group) * half_bytes);
    return bytes(begin + 2 * half_bytes + (chunk_inputs / how.group_values + group) * strip_outputs);
  }
};

template <element kind, std::uint32_t rows>
inline void add_span(const chunk_view<kind>& chunk, std::uint32_t s, const quant_inputs* const (&x)[rows],
                     __m512 (&dots)[rows], __m512 (&least)[rows]) {
  constexpr auto how = model::layout_of(kind);
  constexpr auto groups = span_inputs / how.group_values, steps = span_steps / groups;
  const auto* at = chunk.span(s);
  for (std::size_t line = 0; line < span_bytes(how); line += vector_bytes)
    _mm_prefetch(reinterpret_cast<const char*>(at) + ahead_bytes + line, _MM_HINT_T0);
  __m512i numbers[span_steps];
  numbers_of<kind>(at, numbers);
  for (std::uint32_t g = 0; g < groups; ++g) {
    auto group = s * groups + g;
    auto scale = chunk.scale(group);
    for (std::uint32_t r = 0; r < rows; ++r) {
      std::uint32_t less = 0;  // of inputs that are not finite it wraps around, and their scale shows it
      if constexpr (how.offset > 0)
        for (std::uint32_t i = 0; i < how.group_values / 16; ++i)
          less += how.offset * static_cast<std::uint32_t>(x[r]->sums[group * how.group_values / 16 + i]);
      auto input = s * span_inputs + g * how.group_values;
      dots[r] = _mm512_fmadd_ps(products<steps>(numbers + g * steps, *x[r], input, less), scale, dots[r]);
    }
  }
  if constexpr (how.has_minimums) {
    auto minimum = chunk.minimum(s);
    for (std::uint32_t r = 0; r < rows; ++r)
      least[r] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(x[r]->span_sums[s]), least[r]);
  }
}

/// The chunk's factors times what its spans gave.
template <element kind>
inline void add_chunk(const std::byte* chunk, float scale, __m512 dots, __m512 least, __m512& sum) {
  constexpr auto how = model::layout_of(kind);
  if constexpr (how.nested) dots = _mm512_mul_ps(dots, halves(chunk));
  if constexpr (how.nested && how.has_minimums)
    least = _mm512_mul_ps(least, halves(chunk + chunk_view<kind>::half_bytes));
  if constexpr (how.has_minimums) dots = _mm512_sub_ps(dots, least);
  sum = _mm512_fmadd_ps(dots, _mm512_set1_ps(scale), sum);
}

/// Of some strips side by side, each a stream of its own from memory: one stream alone does not keep it busy.
template <element kind, std::uint32_t rows, std::uint32_t strips>
void dot_rows(const quant_strip& first_strip, const quant_inputs* x, std::size_t stride, float* sums) {
  constexpr auto how = model::layout_of(kind);
  const auto next_strip = strip_bytes(how, first_strip.inputs);
  __m512 sum[strips][rows];
  for (auto& of_strip : sum)
    for (auto& s : of_strip) s = _mm512_setzero_ps();
  const auto* at = first_strip.chunks;
  for (std::uint32_t first = 0; first < first_strip.inputs; first += chunk_inputs) {
    auto left = first_strip.inputs - first;
    auto spans = (left < chunk_inputs ? left : chunk_inputs) / span_inputs;
    const quant_inputs* inputs[rows];
    for (std::uint32_t r = 0; r < rows; ++r) inputs[r] = x + r * stride + first / chunk_inputs;
    __m512 dots[strips][rows], least[strips][rows];
    for (std::uint32_t n = 0; n < strips; ++n)
      for (std::uint32_t r = 0; r < rows; ++r) dots[n][r] = least[n][r] = _mm512_setzero_ps();
    for (std::uint32_t s = 0; s < spans; ++s)
      for (std::uint32_t n = 0; n < strips; ++n)
        add_span<kind, rows>({at + n * next_strip, spans}, s, inputs, dots[n], least[n]);
    for (std::uint32_t n = 0; n < strips; ++n)
      for (std::uint32_t r = 0; r < rows; ++r)
        add_chunk<kind>(at + n * next_strip, inputs[r]->scale, dots[n][r], least[n][r], sum[n][r]);
    at += chunk_bytes(how, spans);
  }
  for (std::uint32_t n = 0; n < strips; ++n)
    for (std::uint32_t r = 0; r < rows; ++r) _mm512_storeu_ps(sums + (n * rows + r) * strip_outputs, sum[n][r]);
}

template <element kind>
void dot_strip(const quant_strip& strip, const quant_inputs* x, std::size_t stride, std::uint32_t rows, float* sums) {
  while (rows > 0) {
    auto taken = rows < rows_max ? rows : rows_max;
    switch (taken) {
      case 1:
        dot_rows<kind, 1, 1>(strip, x, stride, sums);
        break;
      case 2:
        dot_rows<kind, 2, 1>(strip, x, stride, sums);
        break;
      case 3:
        dot_rows<kind, 3, 1>(strip, x, stride, sums);
        break;
      default:
        dot_rows<kind, rows_max, 1>(strip, x, stride, sums);
    }
    rows -= taken;
    x += taken * stride;
    sums += taken * strip_outputs;
  }
}

template <element kind>
void dot_kind(quant_strip strip, std::uint32_t strips, const quant_inputs* x, std::size_t stride, std::uint32_t rows,
              float* sums) {
  const auto next_strip = strip_bytes(model::layout_of(kind), strip.inputs);
  for (std::uint32_t taken = 1; strips > 0; strips -= taken) {
    taken = rows == 1 && strips >= streams ? streams : 1;
    if (taken == streams)
      dot_rows<kind, 1, streams>(strip, x, stride, sums);
    else
      dot_strip<kind>(strip, x, stride, rows, sums);
    strip.chunks += taken * next_strip;
    sums += std::size_t{taken} * rows * strip_outputs;
  }
}

}  // namespace

void dot_vnni(const quant_strip& first, std::uint32_t strips, const quant_inputs* x, std::size_t stride,
              std::uint32_t rows, float* sums) {
  switch (first.kind) {
    case element::q8_0:
      return dot_kind<element::q8_0>(first, strips, x, stride, rows, sums);
    case element::q4_0:
      return dot_kind<element::q4_0>(first, strips, x, stride, rows, sums);
    case element::q4_1:
      return dot_kind<element::q4_1>(first, strips, x, stride, rows, sums);
    case element::q5_0:
      return dot_kind<element::q5_0>(first, strips, x, stride, rows, sums);
    case element::q5_1:
      return dot_kind<element::q5_1>(first, strips, x, stride, rows, sums);
    case element::q4_k:
      return dot_kind<element::q4_k>(first, strips, x, stride, rows, sums);
    case element::q5_k:
      return dot_kind<element::q5_k>(first, strips, x, stride, rows, sums);
    case element::q6_k:
      return dot_kind<element::q6_k>(first, strips, x, stride, rows, sums);
    case element::iq4_nl:
      return dot_kind<element::iq4_nl>(first, strips, x, stride, rows, sums);
    default:
      __builtin_unreachable();
  }
}

}  // namespace chromatin::gpu
