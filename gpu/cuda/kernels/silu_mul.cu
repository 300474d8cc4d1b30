/// The feed-forward's gate: out[row][i] = silu(gate_up[row][i]) · gate_up[row][ffn + i], bf16 in and out, float
/// between.
///
/// A thread has 8 values, 16 bytes of gate and of up. Blocks: x = rows, y = pieces of a row.
///
/// Address and bounds: threads from `ffn` on end; ffn is a multiple of 8, so 8 values from `at` on lie within a row's
/// gate, and `ffn` further within its up, and both are aligned to 16.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads = 256, values = 8;
constexpr float log2_e = 1.4426950408889634f;

DEVICE float silu(float x) { return x * reciprocal_fast(1.0f + exp2_fast(-x * log2_e)); }

KERNEL_BOUNDS(threads, 4)
void silu_mul_rows(const std::uint16_t* gate_up, std::uint32_t ffn, std::uint16_t* out) {
  admit_later_kernels();
  await_earlier_kernels();
  auto at = (block_y() * threads + thread_x()) * values;
  if (at >= ffn) return;
  const auto* from = gate_up + std::size_t{block_x()} * 2 * ffn + at;
  auto gate = load_16_once(from), up = load_16_once(from + ffn);
  words_16 result;
  UNROLL for (std::uint32_t i = 0; i < 4; ++i) {
    result.w[i] =
        to_bf16x2(silu(low_bf16(gate.w[i])) * low_bf16(up.w[i]), silu(high_bf16(gate.w[i])) * high_bf16(up.w[i]));
  }
  store_16(out + std::size_t{block_x()} * ffn + at, result);
}

}  // namespace

void silu_mul(stream queue, const std::uint16_t* gate_up, std::uint32_t ffn, std::uint32_t rows, std::uint16_t* out) {
  CHROMATIN_CHECK(ffn % values == 0 && aligned_16(gate_up) && aligned_16(out), "rows are pieces of 16 bytes");
  LAUNCH_EARLY(silu_mul_rows, (grid{rows, pieces_of(ffn, threads * values)}), threads, 0, queue, gate_up, ffn, out);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
