#pragma once

/// How decode's attention divides its work: parts of a row's keys, and who adds them.

#include "gpu/cuda/kernels/attention.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// Of a block: 4, or 8 for twice as many loads under way where there are few blocks.
inline constexpr std::uint32_t decode_warps = 4;

/// How a block works on a part of a row's keys, for heads of up to `dim_max` dimensions, and 8 or 16 heads at a time.
template <std::uint32_t dim_max, std::uint32_t halves>
struct decode_layout {
  static constexpr std::uint32_t warps = decode_warps, threads = warps * 32;
  static constexpr std::uint32_t heads = 8 * halves;
  static constexpr std::uint32_t keys = 16;  ///< that a warp takes at a time
  static constexpr std::uint32_t pages = split_tokens / page_tokens;
  static constexpr std::uint32_t chunks = dim_max / 64;           ///< of eight pairs of dimensions, of a lane
  static constexpr std::uint32_t query_pitch = dim_max * 2 + 64;  ///< bytes between rows: two rows' banks differ
  static constexpr std::uint32_t angle_pitch = dim_max / 2 + 4;   ///< floats between rows
  static constexpr std::uint32_t cosines_at = pages * heads * query_pitch;
  static constexpr std::uint32_t sines_at = cosines_at + page_tokens * angle_pitch * sizeof(float);
  static constexpr std::uint32_t pages_at = sines_at + page_tokens * angle_pitch * sizeof(float);
  static constexpr std::uint32_t pages_end = pages_at + pages * sizeof(const std::byte*);
  /// Over the queries and angles, when they are not needed any more: the warps' results.
  static constexpr std::uint32_t result_pitch = dim_max + 4;  ///< floats
  static constexpr std::uint32_t tops_at = warps * heads * result_pitch * sizeof(float);
  static constexpr std::uint32_t sums_at = tops_at + warps * heads * sizeof(float);
  static constexpr std::uint32_t results_end = sums_at + warps * heads * sizeof(float);
  static constexpr std::uint32_t shared_bytes = pages_end > results_end ? pages_end : results_end;
};

/// Where the parts of a row leave their results for the second kernel: sums of values weighted,
/// [piece][part][head][dim], then pairs of the largest score and the sum of weights, [piece][part][head].
struct decode_scratch {
  float* values;
  float* pairs;

  DEVICE decode_scratch(const attention_args& args, std::uint32_t piece, std::uint32_t part, std::uint32_t head) {
    auto parts = (args.context_max + split_tokens - 1) / split_tokens;
    auto at = (std::size_t{piece} * parts + part) * args.shape.heads + head;
    values = args.scratch + at * args.shape.head_dim;
    pairs = args.scratch + std::size_t{args.piece_count} * parts * args.shape.heads * args.shape.head_dim + at * 2;
  }
};

/// Adds the parts of those rows that have more than one, into args.out.
void attention_combine(stream, const attention_args&);

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
