#pragma once

/// The CPU backend's own kernels, each compiled for several instruction sets and chosen at run time. Every function is
/// single-threaded; callers split the work. bf16 values are their upper 16 bits.

#include <cstddef>
#include <cstdint>

namespace chromatin::gpu {

/// Attention of a block of query tokens of one sequence over one key-value head (and the query heads that share it).
struct attention_args {
  const float* queries;          ///< rotated and scaled, [token][row_stride], already at the group's first head
  float* out;                    ///< same layout
  std::size_t row_stride;        ///< floats from one token to the next
  std::uint32_t tokens;          ///< query tokens in the block
  std::uint32_t first_position;  ///< of the first of them; token i sees keys at positions 0 … first_position + i
  std::uint32_t window;          ///< and only so many of the last of these; 0: all
  std::uint32_t group;           ///< query heads that share this key-value head, side by side
  std::uint32_t head_dim;        ///< a multiple of 16
  std::byte* const* pages;
  std::size_t keys_offset;  ///< of this layer's and head's keys in a page, [64][head_dim], not rotated
  std::size_t values_offset;
  bool bf16;             ///< type of keys and values; float otherwise
  const float* cosines;  ///< [position][rotary_dim / 2]
  const float* sines;
  std::uint32_t rotary_dim;  ///< values of a head that rotate: all, the first of them, or none
  float soft_cap;            ///< scores become soft_cap · tanh(score / soft_cap); 0: they do not
  float* scratch;            ///< attention_scratch_floats(…) floats
  bool fixed_order;          ///< a row's result must not depend on how many rows there are
  bool keys_rotated;         ///< for measuring only: takes keys as they are
};

constexpr std::size_t attention_scratch_floats(std::uint32_t rows, std::uint32_t head_dim) {
  return 2 * 64 * std::size_t{head_dim} + rows * (std::size_t{head_dim} + 64 + 2) +
         rows * (std::size_t{head_dim} + 64) / 2;  // the last for queries and weights in bf16
}

struct kernel_table {
  const char* name;
  /// RMSNorm of one row; writes bf16 when `out_bf16` is set, else float. `out` may be `x`.
  void (*rms_norm)(const float* x, const float* gain, float eps, std::size_t n, float* out, std::uint16_t* out_bf16);
  /// silu(gate) · up of one row; `gate_up` has gate then up.
  void (*silu_mul)(const float* gate_up, std::size_t n, float* out, std::uint16_t* out_bf16);
  /// The same with GELU, in the form that is made of tanh.
  void (*gelu_mul)(const float* gate_up, std::size_t n, float* out, std::uint16_t* out_bf16);
  /// x += scale · y
  void (*add)(float* x, const float* y, std::size_t n, float scale);
  /// x = cap · tanh(x / cap)
  void (*soft_cap)(float* x, std::size_t n, float cap);
  /// Rotates the first `rotary_dim` values of one head (Hugging Face's halves of them) and scales all.
  void (*rotate)(float* head, const float* cosines, const float* sines, std::size_t rotary_dim, std::size_t head_dim,
                 float scale);
  /// Rounds to nearest even.
  void (*to_bf16)(const float* x, std::size_t n, std::uint16_t* out);
  void (*attention)(const attention_args& args);
  /// Whole numbers of -127 … 127 as bf16, exactly.
  void (*widen_int8)(const std::int8_t* from, std::size_t n, std::uint16_t* to);
  /// sums[rows][64] += x[rows][2 · pairs] · weights[pairs][64][2]. A row's sums do not depend on the other rows.
  void (*dot_f32_int8)(const float* x, std::size_t stride, std::uint32_t rows, const std::int8_t* weights,
                       std::size_t pairs, float* sums);
  /// The same for bf16; null where the processor does not multiply bf16.
  void (*dot_bf16)(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const std::uint16_t* weights,
                   std::size_t pairs, float* sums);
  void (*dot_bf16_int8)(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const std::int8_t* weights,
                        std::size_t pairs, float* sums);
};

extern const kernel_table kernels_generic;
extern const kernel_table kernels_avx2;
extern const kernel_table kernels_avx512;
extern const kernel_table kernels_avx512_bf16;

/// The best table for this processor, or a lesser one named by the environment variable CHROMATIN_ISA (avx512,
/// avx2, generic).
const kernel_table& kernels();

}  // namespace chromatin::gpu
