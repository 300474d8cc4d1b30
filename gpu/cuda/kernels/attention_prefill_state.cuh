#pragma once

/// What a block of attention_prefill gathers for its rows, how parts of their keys are added, and how they are written.

#include "gpu/cuda/kernels/attention_prefill.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// How many parts a row of the launch has at most.
DEVICE std::uint32_t parts_max(const attention_args& args) {
  return (args.context_max + prefill_part_tokens - 1) / prefill_part_tokens;
}

/// A warp's rows, in the layout of mma_16x8x16's sums: lane l has rows l / 4 and l / 4 + 8 of each strip, and their
/// dimensions 2 · (l % 4), + 1, of each 8. Its sum of weights is of its own keys only, until `write`.
template <std::uint32_t dim_max, bool exact>
struct prefill_state {
  using layout = prefill_layout<dim_max>;
  static constexpr std::uint32_t strips = layout::strips, pitch = layout::pitch;

  const attention_args& args;
  unsigned char* shared = shared_memory();
  float gathered[strips][dim_max / 8][4];
  float best[strips][2], sum[strips][2];

  DEVICE explicit prefill_state(const attention_args& of) : args{of} {}
  DEVICE std::uint32_t dim() const { return exact ? dim_max : args.shape.head_dim; }
  DEVICE std::uint32_t warp_row() const { return warp() * layout::warp_rows; }
  DEVICE std::uint32_t* positions() const { return reinterpret_cast<std::uint32_t*>(shared + layout::positions_at); }

  DEVICE void forget() {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      best[s][0] = best[s][1] = minus_infinity();
      sum[s][0] = sum[s][1] = 0;
      UNROLL for (std::uint32_t i = 0; i < dim_max / 2; ++i) gathered[s][i / 4][i % 4] = 0;
    }
  }

  /// Where this thread leaves its state after a part: neighbouring threads' floats are neighbours.
  DEVICE float* place(std::uint32_t number) const {
    return args.scratch + std::size_t{number} * layout::threads * layout::state_floats + thread_x();
  }

  DEVICE void leave(float* to) const {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      UNROLL for (std::uint32_t i = 0; i < dim_max / 2; ++i, to += layout::threads)* to = gathered[s][i / 4][i % 4];
      UNROLL for (std::uint32_t half = 0; half < 2; ++half, to += 2 * layout::threads) {
        to[0] = best[s][half];
        to[layout::threads] = sum[s][half];
      }
    }
  }

  /// Adds a part to those before it, one of the two being the thread's state: always in the order of parts, with the
  /// same roundings, whoever computed them. Rows that do not see the part keep what they have.
  template <bool newer>
  DEVICE void add(const float* other, std::uint32_t part) {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      const auto* tops = other + dim_max / 2 * layout::threads;
      float before[2], after[2];
      UNROLL for (std::uint32_t half = 0; half < 2; ++half) {
        float top = tops[half * 2 * layout::threads], total = tops[(half * 2 + 1) * layout::threads];
        bool sees = positions()[warp_row() + (s * 2 + half) * 8 + lane() / 4] >= part * prefill_part_tokens;
        float old_top = newer ? best[s][half] : top, new_top = newer ? top : best[s][half];
        float old_total = newer ? sum[s][half] : total, new_total = newer ? total : sum[s][half];
        best[s][half] = sees ? fmaxf(old_top, new_top) : old_top;
        before[half] = sees ? exp2_fast(old_top - best[s][half]) : 1;
        after[half] = sees ? exp2_fast(new_top - best[s][half]) : 0;
        sum[s][half] = sees ? fmaf(new_total, after[half], old_total * before[half]) : old_total;
      }
      UNROLL for (std::uint32_t i = 0; i < dim_max / 2; ++i) {
        auto& mine = gathered[s][i / 4][i % 4];
        float value = other[i * layout::threads], scale = after[i % 4 / 2];
        float old_value = newer ? mine : value, new_value = newer ? value : mine;
        mine = scale == 0 ? old_value * before[i % 4 / 2] : fmaf(new_value, scale, old_value * before[i % 4 / 2]);
      }
      other += (dim_max / 2 + 4) * layout::threads;
    }
  }

  DEVICE void take(const float* from) {
    UNROLL for (std::uint32_t s = 0; s < strips; ++s) {
      UNROLL for (std::uint32_t i = 0; i < dim_max / 2; ++i, from += layout::threads) gathered[s][i / 4][i % 4] = *from;
      UNROLL for (std::uint32_t half = 0; half < 2; ++half, from += 2 * layout::threads) {
        best[s][half] = from[0];
        sum[s][half] = from[layout::threads];
      }
    }
  }

  /// Puts the warp's results where its queries were, and from there, in whole lines, to their rows.
  DEVICE void write(const prefill_share& share) {
    auto* own = shared + warp_row() * pitch;
    warp_barrier();  // no lane still reads queries
    UNROLL for (std::uint32_t i = 0; i < strips * 2; ++i) {
      auto s = i / 2, half = i % 2;
      float total = sum[s][half];
      total += shuffle_xor(total, 1);
      total += shuffle_xor(total, 2);
      auto inverse = 1.0f / total;
      auto* to = own + (i * 8 + lane() / 4) * pitch + lane() % 4 * 4;
      UNROLL for (std::uint32_t n = 0; n < dim_max / 8; ++n) {
        auto two = to_bf16x2(gathered[s][n][half * 2] * inverse, gathered[s][n][half * 2 + 1] * inverse);
        *reinterpret_cast<std::uint32_t*>(to + n * 16) = two;
      }
    }
    warp_barrier();
    auto chunks = dim() / 8;
    for (auto i = lane(); i < layout::warp_rows * chunks; i += 32) {
      auto row = warp_row() + i / chunks, chunk = i % chunks;
      if (row >= share.rows) break;
      auto at = std::size_t{share.sequence.first_row + share.token(row)} * args.shape.heads + share.head(row);
      store_16(args.out + at * dim() + chunk * 8, load_16(own + i / chunks * pitch + chunk * 16));
    }
  }
};

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
