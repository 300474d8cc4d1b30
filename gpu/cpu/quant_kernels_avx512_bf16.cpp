#include <immintrin.h>

#include "gpu/cpu/quant_kernels.inl"

namespace chromatin::gpu {
namespace {

/// Two rows of 16 to pairs.
alignas(64) constexpr std::uint16_t alternating[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

void unpack_in_hardware(const quant_strip& of, std::uint16_t* to) {
  const auto order = _mm512_load_si512(alternating);
  with_kind(of.kind, [&]<element kind>() {
    each_pair<kind>(of, [&](std::uint32_t input, const lanes& even, const lanes& odd) {
      auto both = bits_as<__m512i>(_mm512_cvtne2ps_pbh(bits_as<__m512>(odd), bits_as<__m512>(even)));
      _mm512_storeu_si512(to + std::size_t{input} * block_columns, _mm512_permutexvar_epi16(order, both));
    });
  });
}

}  // namespace

const quant_kernel_table quant_kernels_avx512_bf16{"avx512_bf16", read_f32,           read_bf16,
                                                   dot,           unpack_in_hardware, unpack_f32};

}  // namespace chromatin::gpu
