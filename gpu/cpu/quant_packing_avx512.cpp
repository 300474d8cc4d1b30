// The kinds that people have most, 16 rows at a time by transposing words: as fast as memory, so that a model is ready
// soon.

#include <cstring>

#include "gpu/cpu/quant_layout.hpp"
#include "gpu/cpu/quant_packing.hpp"
#include "gpu/cpu/transpose_words.inl"

namespace chromatin::gpu {
namespace {

using model::element;

inline __m512i load(const std::byte* from) { return _mm512_loadu_si512(from); }
inline void store(std::byte* to, const __m512i& v) { _mm512_storeu_si512(to, v); }

/// Bits of each byte.
inline __m512i bits(const __m512i& v, unsigned shift, int mask) {
  return _mm512_and_si512(_mm512_srli_epi16(v, shift), _mm512_set1_epi8(static_cast<char>(mask)));
}

/// Words of all rows' blocks.
inline __m512i words_at(const std::byte* const blocks[strip_outputs], std::size_t offset) {
  alignas(64) std::uint32_t words[strip_outputs];
  for (std::uint32_t o = 0; o < strip_outputs; ++o) std::memcpy(&words[o], blocks[o] + offset, sizeof words[o]);
  return _mm512_load_si512(words);
}

inline void copy_halves(const std::byte* const blocks[strip_outputs], std::size_t offset, std::byte* to) {
  for (std::uint32_t o = 0; o < strip_outputs; ++o) std::memcpy(to + 2 * o, blocks[o] + offset, 2);
}

/// A row of bytes for each byte of the words.
inline std::byte* put_bytes(std::byte* to, const __m512i& words) {
  for (unsigned i = 0; i < 4; ++i, to += strip_outputs)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_srli_epi32(words, 8 * i)));
  return to;
}

inline void next_blocks(const std::byte* blocks[strip_outputs], std::size_t bytes) {
  for (std::uint32_t o = 0; o < strip_outputs; ++o) blocks[o] += bytes;
}

/// Two blocks of each row, since 64 bytes are transposed at a time.
void pack_q8_0(const std::byte* blocks[strip_outputs], std::uint32_t inputs, std::byte* chunk) {
  constexpr auto how = model::layout_of(element::q8_0);
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs) {
    auto left = inputs - first, spans = (left < chunk_inputs ? left : chunk_inputs) / span_inputs;
    auto* to = chunk + header_bytes(how, spans);
    for (std::uint32_t s = 0; s < spans; s += 2, next_blocks(blocks, 2 * how.block_bytes)) {
      copy_halves(blocks, 0, chunk + std::size_t{s} * 2 * strip_outputs);
      copy_halves(blocks, how.block_bytes, chunk + std::size_t{s + 1} * 2 * strip_outputs);
      __m512i rows[strip_outputs];
      for (std::uint32_t o = 0; o < strip_outputs; ++o) {
        auto half = [&](std::size_t block) {
          return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks[o] + block * how.block_bytes + 2));
        };
        rows[o] = _mm512_xor_si512(_mm512_inserti64x4(_mm512_castsi256_si512(half(0)), half(1), 1),
                                   _mm512_set1_epi8(static_cast<char>(0x80)));
      }
      transpose_words(rows);
      for (const auto& step : rows) {
        store(to, step);
        to += vector_bytes;
      }
    }
    chunk += chunk_bytes(how, spans);
  }
}

/// Steps of a span from eight words of each row that have their numbers in the same halves of bytes.
inline std::byte* put_nibbles(std::byte* to, const __m512i words[span_steps], unsigned shift) {
  for (std::uint32_t s = 0; s < span_steps; s += 2, to += vector_bytes)
    store(to, _mm512_or_si512(bits(words[s], shift, 15), _mm512_slli_epi16(bits(words[s + 1], shift, 15), 4)));
  return to;
}

void pack_q4_k(const std::byte* blocks[strip_outputs], std::uint32_t inputs, std::byte* chunk) {
  constexpr auto how = model::layout_of(element::q4_k);
  constexpr auto spans = chunk_inputs / span_inputs;
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs, next_blocks(blocks, how.block_bytes)) {
    copy_halves(blocks, 0, chunk);
    copy_halves(blocks, 2, chunk + 2 * strip_outputs);
    auto scales = words_at(blocks, 4), minimums = words_at(blocks, 8), late = words_at(blocks, 12);
    auto upper = [](const __m512i& of) { return _mm512_slli_epi16(bits(of, 6, 3), 4); };
    auto* to = put_bytes(chunk + 4 * strip_outputs, bits(scales, 0, 63));
    to = put_bytes(to, _mm512_or_si512(bits(late, 0, 15), upper(scales)));
    to = put_bytes(to, bits(minimums, 0, 63));
    put_bytes(to, _mm512_or_si512(bits(late, 4, 15), upper(minimums)));
    to = chunk + header_bytes(how, spans);
    for (std::size_t part = 0; part < 2; ++part) {
      __m512i rows[strip_outputs];
      for (std::uint32_t o = 0; o < strip_outputs; ++o) rows[o] = load(blocks[o] + 16 + part * 64);
      transpose_words(rows);
      for (const auto* words : {rows, rows + span_steps})
        for (unsigned shift : {0u, 4u}) to = put_nibbles(to, words, shift);
    }
    chunk += chunk_bytes(how, spans);
  }
}

void pack_q6_k(const std::byte* blocks[strip_outputs], std::uint32_t inputs, std::byte* chunk) {
  constexpr auto how = model::layout_of(element::q6_k);
  constexpr auto spans = chunk_inputs / span_inputs;
  for (std::uint32_t first = 0; first < inputs; first += chunk_inputs, next_blocks(blocks, how.block_bytes)) {
    copy_halves(blocks, 208, chunk);
    auto* to = chunk + 2 * strip_outputs;
    for (std::size_t group = 0; group < chunk_inputs / how.group_values; group += 4)
      to = put_bytes(to, words_at(blocks, 192 + group));
    std::memset(to, 0, static_cast<std::size_t>(chunk + header_bytes(how, spans) - to));
    __m512i upper[strip_outputs];  // of each half of the block eight words
    for (std::uint32_t o = 0; o < strip_outputs; ++o) upper[o] = load(blocks[o] + 128);
    transpose_words(upper);
    to = chunk + header_bytes(how, spans);
    for (std::size_t half = 0; half < 2; ++half) {
      __m512i lower[strip_outputs];
      for (std::uint32_t o = 0; o < strip_outputs; ++o) lower[o] = load(blocks[o] + half * 64);
      transpose_words(lower);
      for (unsigned quarter = 0; quarter < 4; ++quarter) {
        to = put_nibbles(to, lower + quarter % 2 * span_steps, quarter / 2 * 4);
        for (std::size_t four = 0; four < 2; ++four, to += vector_bytes) {
          auto rest = _mm512_setzero_si512();
          for (unsigned s = 0; s < 4; ++s)
            rest = _mm512_or_si512(
                rest, _mm512_slli_epi16(bits(upper[half * span_steps + four * 4 + s], quarter * 2, 3), 2 * s));
          store(to, rest);
        }
      }
    }
    chunk += chunk_bytes(how, spans);
  }
}

}  // namespace

bool pack_strip_avx512(element kind, const std::byte* const rows[strip_outputs], std::uint32_t inputs,
                       std::byte* strip) {
  const std::byte* blocks[strip_outputs];
  std::memcpy(blocks, rows, sizeof blocks);
  switch (kind) {
    case element::q8_0:
      if (inputs % (2 * span_inputs) != 0) return false;
      pack_q8_0(blocks, inputs, strip);
      return true;
    case element::q4_k:
      pack_q4_k(blocks, inputs, strip);
      return true;
    case element::q6_k:
      pack_q6_k(blocks, inputs, strip);
      return true;
    default:
      return false;
  }
}

}  // namespace chromatin::gpu
