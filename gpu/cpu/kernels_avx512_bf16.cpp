#include <immintrin.h>

#include "gpu/cpu/kernels.inl"

namespace chromatin::gpu {
namespace {

/// How far ahead of their use weights are asked for: farther than the processor looks by itself, since it stops at the
/// end of a page.
constexpr std::size_t prefetch_bytes = 4096;

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
void dot_rows(const std::uint16_t* x, std::size_t stride, const Weight* weights, std::size_t pairs, float* sums) {
  __m512 sum[rows][4];
  for (int r = 0; r < rows; ++r)
    for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_loadu_ps(sums + r * 64 + i * 16);
  for (std::size_t p = 0; p < pairs; ++p) {
    const auto* at = weights + p * 128;
    for (std::size_t line = 0; line < 128 * sizeof(Weight); line += 64)
      _mm_prefetch(reinterpret_cast<const char*>(at) + prefetch_bytes + line, _MM_HINT_T0);
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
  while (rows > 0) {
    auto taken = rows <= most ? rows : rows < 2 * most ? (rows + 1) / 2 : most;
    switch (taken) {
      case 1:
        dot_rows<1>(x, stride, weights, pairs, sums);
        break;
      case 2:
        dot_rows<2>(x, stride, weights, pairs, sums);
        break;
      case 3:
        dot_rows<3>(x, stride, weights, pairs, sums);
        break;
      case 4:
        dot_rows<4>(x, stride, weights, pairs, sums);
        break;
      case 5:
        dot_rows<5>(x, stride, weights, pairs, sums);
        break;
      default:
        dot_rows<most>(x, stride, weights, pairs, sums);
    }
    rows -= taken;
    x += taken * stride;
    sums += taken * 64;
  }
}

}  // namespace

const kernel_table kernels_avx512_bf16{"avx512_bf16",   rms_norm,  silu_mul,   add,          rotate,
                                       to_bf16,         attention, widen_int8, dot_f32_int8, dot<std::uint16_t>,
                                       dot<std::int8_t>};

}  // namespace chromatin::gpu
