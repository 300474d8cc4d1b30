#include <immintrin.h>

#include "gpu/cpu/amx.hpp"
#include "gpu/cpu/kernels.inl"
#include "gpu/cpu/transpose_words.inl"

namespace chromatin::gpu {
namespace {

/// Which lines of the cache a pass over the rows asks for, beside each pair of inputs.
struct lines_ahead {
  std::size_t bytes;  ///< behind what it reads now
  std::size_t first, end;
};

/// Where one pass takes all rows it asks for weights a little ahead: farther than the processor looks by itself, since
/// it stops at the end of a page. Where several do, each asks for its part of what all of them read next, so that the
/// memory works as long as they do.
lines_ahead lines_of_pass(std::size_t pass, std::size_t passes, std::size_t pair_bytes, std::size_t pairs) {
  constexpr std::size_t line_bytes = 64, little = 4096;
  auto lines = pair_bytes / line_bytes;
  return {passes == 1 ? little : pairs * pair_bytes, lines * pass / passes, lines * (pass + 1) / passes};
}

/// Weights of 16 outputs for a pair of inputs.
inline __m512bh weights_of(const std::uint16_t* from) {
  __m512bh w;
  __builtin_memcpy(&w, from, sizeof w);
  return w;
}

inline __m512bh weights_of(const std::int8_t* from) {
  auto floats = [](const std::int8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  };
  return _mm512_cvtne2ps_pbh(floats(from + 16), floats(from));
}

template <int rows, class Weight>
void dot_rows(const std::uint16_t* x, std::size_t stride, const Weight* weights, std::size_t pairs, float* sums,
              lines_ahead ahead) {
  __m512 sum[rows][4];
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_loadu_ps(sums + r * 64 + i * 16);
  for (std::size_t p = 0; p < pairs; ++p) {
    const auto* at = weights + p * 128;
    for (auto line = ahead.first; line < ahead.end; ++line)
      _mm_prefetch(reinterpret_cast<const char*>(at) + ahead.bytes + line * 64, _MM_HINT_T0);
    __m512bh w[4];
    for (int i = 0; i < 4; ++i) w[i] = weights_of(at + i * 32);
    for (int r = 0; r < rows; ++r) {
      int pair;
      __builtin_memcpy(&pair, x + static_cast<std::size_t>(r) * stride + 2 * p, sizeof pair);
      __m512i spread = _mm512_set1_epi32(pair);
      __m512bh both;
      __builtin_memcpy(&both, &spread, sizeof both);
      for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_dpbf16_ps(sum[r][i], w[i], both);
    }
  }
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < 4; ++i) _mm512_storeu_ps(sums + r * 64 + i * 16, sum[r][i]);
}

/// The compiler makes neither of these from plain loops: VDPBF16PS and its operands.
template <class Weight>
void dot(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const Weight* weights, std::size_t pairs,
         float* sums) {
  constexpr std::uint32_t most = 6;  // rows whose sums fit into the registers
  auto passes = (rows + most - 1) / most;
  for (std::uint32_t pass = 0; rows > 0; ++pass) {
    auto taken = rows <= most ? rows : rows < 2 * most ? (rows + 1) / 2 : most;
    auto ahead = lines_of_pass(pass, passes, 128 * sizeof(Weight), pairs);
    switch (taken) {
      case 1:
        dot_rows<1>(x, stride, weights, pairs, sums, ahead);
        break;
      case 2:
        dot_rows<2>(x, stride, weights, pairs, sums, ahead);
        break;
      case 3:
        dot_rows<3>(x, stride, weights, pairs, sums, ahead);
        break;
      case 4:
        dot_rows<4>(x, stride, weights, pairs, sums, ahead);
        break;
      case 5:
        dot_rows<5>(x, stride, weights, pairs, sums, ahead);
        break;
      default:
        dot_rows<most>(x, stride, weights, pairs, sums, ahead);
    }
    rows -= taken;
    x += taken * stride;
    sums += taken * 64;
  }
}

/// 32 floats as bf16.
inline __m512i narrow(const float* from) {
  auto both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + 16), _mm512_loadu_ps(from));
  __m512i bits;
  __builtin_memcpy(&bits, &both, sizeof bits);
  return bits;
}

/// Keys [64][head_dim] to [head_dim / 2][64][2], as dot() reads them.
inline void pair_keys(const float* keys, std::uint32_t head_dim, std::uint16_t* pairs) {
  for (std::uint32_t t = 0; t < page_tokens; t += 16)
    for (std::uint32_t j = 0; j < head_dim; j += 32) {
      __m512i words[16];
      for (std::uint32_t i = 0; i < 16; ++i) words[i] = narrow(keys + (t + i) * head_dim + j);
      transpose_words(words);
      for (std::uint32_t i = 0; i < 16; ++i) _mm512_storeu_si512(pairs + ((j / 2 + i) * page_tokens + t) * 2, words[i]);
    }
}

/// The first `tokens` stored values, [64][head_dim], to [head_dim / 64][32][64][2]: pairs of tokens. A pair that is
/// half there is filled with zero, since what stands in unfilled slots may be anything.
inline void pair_values(const std::byte* stored, std::uint32_t tokens, std::uint32_t head_dim, std::uint16_t* pairs) {
  alignas(64) static constexpr std::uint16_t low_lanes[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                              37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                              11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  auto low = _mm512_load_si512(low_lanes), high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const auto* values = reinterpret_cast<const std::uint16_t*>(stored);
  for (std::uint32_t t = 0; t < tokens; t += 2)
    for (std::uint32_t j = 0; j < head_dim; j += 32) {
      auto first = _mm512_loadu_si512(values + t * head_dim + j);
      auto second = t + 1 < tokens ? _mm512_loadu_si512(values + (t + 1) * head_dim + j) : _mm512_setzero_si512();
      auto* to = pairs + ((j / 64 * 32 + t / 2) * 64 + j % 64) * 2;
      _mm512_storeu_si512(to, _mm512_permutex2var_epi16(first, low, second));
      _mm512_storeu_si512(to + 32, _mm512_permutex2var_epi16(first, high, second));
    }
}

/// dot(), by tiles where the processor has them and as far as they reach.
void dot_by_tiles(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const std::uint16_t* weights,
                  std::size_t pairs, float* sums) {
  constexpr std::uint32_t tile_rows = 16, tile_pairs = 16;
  auto tiled = has_amx() && pairs % tile_pairs == 0 ? rows / tile_rows * tile_rows : 0;
  if (tiled > 0) add_products_amx(x, stride, tiled, weights, pairs, sums);
  if (tiled < rows) dot(x + tiled * stride, stride, rows - tiled, weights, pairs, sums + std::size_t{tiled} * 64);
}

/// Scores times values as well as queries times keys are products of pairs, which is twice as fast as in float. Keys
/// are rounded to bf16 once more after their rotation, and so are the weights.
void attention_in_pairs(const attention_args& a) {
  auto rows = a.tokens * a.group;
  auto d = a.head_dim;
  if (!a.bf16 || a.fixed_order || rows <= 8 || d % 64 != 0) return attention(a);
  float* keys = a.scratch;
  auto* key_pairs = reinterpret_cast<std::uint16_t*>(keys + page_tokens * d);
  auto* value_pairs = key_pairs + page_tokens * d;
  float* gathered = keys + 2 * page_tokens * d;  // [d / 64][rows][64]
  float* scores = gathered + std::size_t{rows} * d;
  float* best = scores + std::size_t{rows} * page_tokens;
  float* sum = best + rows;
  auto* queries = reinterpret_cast<std::uint16_t*>(sum + rows);
  auto* weights = queries + std::size_t{rows} * d;
  __builtin_memset(gathered, 0, std::size_t{rows} * d * sizeof(float));
  for (std::uint32_t r = 0; r < rows; ++r) {
    best[r] = lowest;
    sum[r] = 0;
    const float* query = a.queries + (r / a.group) * a.row_stride + (r % a.group) * d;
    for (std::uint32_t j = 0; j < d; j += 32) _mm512_storeu_si512(queries + r * d + j, narrow(query + j));
  }
  auto last_position = a.first_position + a.tokens - 1;
  for (auto page = first_page(a); page <= last_position / page_tokens; ++page) {
    auto base = page * page_tokens;
    auto tokens = last_position + 1 - base < page_tokens ? last_position + 1 - base : page_tokens;
    rotate_page(a, page, tokens, keys);
    pair_keys(keys, d, key_pairs);
    __builtin_memset(scores, 0, std::size_t{rows} * page_tokens * sizeof(float));
    dot_by_tiles(queries, d, rows, key_pairs, d / 2, scores);
    for (std::uint32_t r = 0; r < rows; ++r) {
      if (a.soft_cap > 0) soft_cap(scores + r * page_tokens, page_tokens, a.soft_cap);
      auto shrink = softmax_weights(scores + r * page_tokens, view_of(a, r, base), best[r], sum[r]);
      for (std::uint32_t block = 0; block < d / 64; ++block)
        shrink_row(gathered + (std::size_t{block} * rows + r) * 64, 64, shrink);
      for (std::uint32_t t = 0; t < page_tokens; t += 32)
        _mm512_storeu_si512(weights + r * page_tokens + t, narrow(scores + r * page_tokens + t));
    }
    pair_values(a.pages[page] + a.values_offset, tokens, d, value_pairs);
    for (std::uint32_t block = 0; block < d / 64; ++block)
      dot_by_tiles(weights, page_tokens, rows, value_pairs + std::size_t{block} * 32 * 128, (tokens + 1) / 2,
                   gathered + std::size_t{block} * rows * 64);
  }
  for (std::uint32_t r = 0; r < rows; ++r) {
    float* out = a.out + (r / a.group) * a.row_stride + (r % a.group) * d;
    for (std::uint32_t j = 0; j < d; ++j) out[j] = gathered[(std::size_t{j / 64} * rows + r) * 64 + j % 64] / sum[r];
  }
}

}  // namespace

const kernel_table kernels_avx512_bf16{
    "avx512_bf16",   rms_norm, silu_mul,           gelu_mul,   add,          soft_cap,
    rotate,          to_bf16,  attention_in_pairs, widen_int8, dot_f32_int8, dot<std::uint16_t>,
    dot<std::int8_t>};

}  // namespace chromatin::gpu
