/// RMSNorm of rows of float, rounded to bf16: out = x · gain / √(mean square + eps).
///
/// A block takes one row, so that a single row is spread over many threads too. It reads the row twice; the second time
/// it comes out of the cache. The order of the sum depends on `hidden` only: a row's result does not depend on the
/// number of rows.
///
/// Address and bounds: threads step over a row by 4 values and end before `hidden`, which is a multiple of 4. 4-value
/// steps of rows, gain and out are aligned to 16, 16 and 8. Shared memory: one float per warp, at most 16; slots that
/// are read are those of the block's warps.

#include "gpu/cuda/kernels/launchers.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

constexpr std::uint32_t threads_max = 512, values = 4, accesses = 4, warp_threads = 32;

DEVICE float block_sum(float mine) {
  auto* sums = reinterpret_cast<float*>(shared_memory());
  for (std::uint32_t mask = warp_threads / 2; mask > 0; mask /= 2) mine += shuffle_xor(mine, mask);
  if (lane() == 0) sums[warp()] = mine;
  barrier();
  float all = 0;
  for (std::uint32_t i = 0; i < threads_x() / warp_threads; ++i) all += sums[i];
  return all;
}

KERNEL_BOUNDS(threads_max, 2)
void rms_norm_rows(const float* x, const float* gain, float eps, std::uint32_t hidden, const std::uint32_t* row_numbers,
                   std::uint16_t* out) {
  admit_later_kernels();
  await_earlier_kernels();
  const auto* from = x + std::size_t{row_numbers ? row_numbers[block_x()] : block_x()} * hidden;
  auto* to = out + std::size_t{block_x()} * hidden;
  auto first = thread_x() * values, step = threads_x() * values;
  float squares = 0;
  for (auto begin = first; begin < hidden; begin += accesses * step) {
    words_16 v[accesses] = {};
    UNROLL for (std::uint32_t i = 0; i < accesses; ++i) {
      if (begin + i * step < hidden) v[i] = load_16(from + begin + i * step);
    }
    UNROLL for (std::uint32_t i = 0; i < accesses * values; ++i) {
      auto value = float_of(v[i / values].w[i % values]);
      squares += value * value;
    }
  }
  auto scale = rsqrt_fast(block_sum(squares) / static_cast<float>(hidden) + eps);
  UNROLL_BY(2) for (auto at = first; at < hidden; at += step) {
    auto v = load_16(from + at), g = load_16(gain + at);
    float y[values];
    UNROLL for (std::uint32_t i = 0; i < values; ++i) y[i] = float_of(v.w[i]) * scale * float_of(g.w[i]);
    store_8(to + at, {{to_bf16x2(y[0], y[1]), to_bf16x2(y[2], y[3])}});
  }
}

}  // namespace

void rms_norm(stream queue, const float* x, const float* gain, float eps, std::uint32_t hidden,
              const std::uint32_t* row_numbers, std::uint32_t rows, std::uint16_t* out) {
  CHROMATIN_CHECK(hidden > 0 && hidden % values == 0, "rows of float are pieces of 16 bytes");
  CHROMATIN_CHECK(aligned_16(x) && aligned_16(gain) && aligned_16(out), "rows are aligned to 16");
  // Two pieces a thread, as far as a block goes.
  auto warps = pieces_of(hidden, 2 * values * warp_threads), most = threads_max / warp_threads;
  auto threads = (warps < most ? warps : most) * warp_threads;
  LAUNCH_EARLY(rms_norm_rows, grid{rows}, threads, threads / warp_threads * sizeof(float), queue, x, gain, eps, hidden,
               row_numbers, out);
}

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
