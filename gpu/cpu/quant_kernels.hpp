#pragma once

/// Kernels over packed block-quantised weights (gpu/cpu/quant_layout.hpp), each compiled for several instruction sets
/// and chosen at run time. Every function is single-threaded.

#include <cstddef>
#include <cstdint>

#include "model/element.hpp"

namespace chromatin::gpu {

/// Up to 256 inputs of one row as whole numbers: input = scale · (256 · high + low). 16 bits, since 8 would lose more
/// than the weights did. Inputs that are not there are 0.
struct alignas(64) quant_inputs {
  std::int8_t high[256], low[256];
  std::int32_t sums[16];  ///< of 16 numbers each
  float span_sums[8];     ///< of 32 numbers each
  float scale;
};

/// The weights of 16 outputs; behind them may be those of the next 16.
struct quant_strip {
  model::element kind;
  const std::byte* chunks;
  std::uint32_t inputs;  ///< a multiple of 32
};

struct quant_kernel_table {
  const char* name;
  /// A row of so many inputs to one quant_inputs for each 256 of them. What is not finite makes the results not finite.
  void (*read_f32)(const float* x, std::uint32_t inputs, quant_inputs* to);
  void (*read_bf16)(const std::uint16_t* x, std::uint32_t inputs, quant_inputs* to);
  /// sums[strips][rows][16] = x[rows] · strips; `stride` quant_inputs from one row to the next. A row's sums do not
  /// depend on the other rows, nor a strip's on the others.
  void (*dot)(const quant_strip& first, std::uint32_t strips, const quant_inputs* x, std::size_t stride,
              std::uint32_t rows, float* sums);
  /// To [inputs / 2][64][2] and [inputs][64], of which the strip is 16 columns; `to` is the first of them.
  void (*unpack_bf16)(const quant_strip& strip, std::uint16_t* to);
  void (*unpack_f32)(const quant_strip& strip, float* to);
};

extern const quant_kernel_table quant_kernels_generic;
extern const quant_kernel_table quant_kernels_avx2;
extern const quant_kernel_table quant_kernels_avx512;
extern const quant_kernel_table quant_kernels_avx512_bf16;
/// For processors with AVX512-VNNI.
void dot_vnni(const quant_strip& first, std::uint32_t strips, const quant_inputs* x, std::size_t stride,
              std::uint32_t rows, float* sums);

/// The best for this processor, or a lesser one named by the environment variable CHROMATIN_ISA, as kernels() has it.
const quant_kernel_table& quant_kernels();

}  // namespace chromatin::gpu
