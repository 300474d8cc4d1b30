#pragma once

/// How decode's attention divides its work: parts of a row's keys, and where their results lie.

#include "gpu/cuda/kernels/attention.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// How a block works on a part of a row's keys, for heads of up to `dim_max` dimensions, and 8 or 16 heads at a time.
template <std::uint32_t dim_max, std::uint32_t halves>
struct decode_layout {
  static constexpr std::uint32_t warps = 4, threads = warps * 32;
  static constexpr std::uint32_t heads = 8 * halves;
  static constexpr std::uint32_t keys = 16;  ///< that a warp takes at a time
  static_assert(warps * keys == page_tokens, "a lane's keys have the same slots in every page");
  static constexpr std::uint32_t chunks = dim_max / 64;           ///< of eight pairs of dimensions, of a lane
  static constexpr std::uint32_t query_pitch = dim_max * 2 + 64;  ///< bytes between rows: two rows' banks differ
  /// Over the queries, when they are not needed any more: the warps' results.
  static constexpr std::uint32_t result_pitch = dim_max + 4;  ///< floats

  /// For parts of so many keys of `group` heads, or as many of them as a block takes.
  static constexpr std::uint32_t shared_bytes(std::uint32_t split, std::uint32_t group) {
    if (group > heads) group = heads;
    auto queries = split / page_tokens * 2 * group * query_pitch;
    auto results = (warps * group * (result_pitch + 2) + 4) * std::uint32_t{sizeof(float)};
    return queries > results ? queries : results;
  }
};

/// Eight pairs of a query, with the angles by which some keys want them rotated.
struct query_piece {
  eight_pairs pairs;
  eight_angles by;
};

/// Where the parts of a row leave their results: sums of values weighted, [piece][part][head][dim], then pairs of the
/// largest score and the sum of weights, [piece][part][head].
struct decode_scratch {
  float* values;
  float* pairs;

  DEVICE decode_scratch(const attention_args& args, std::uint32_t piece, std::uint32_t part, std::uint32_t head) {
    auto parts = grid_x();
    auto at = (std::size_t{piece} * parts + part) * args.shape.heads + head;
    values = args.scratch + at * args.shape.head_dim;
    pairs = args.scratch + std::size_t{args.piece_count} * parts * args.shape.heads * args.shape.head_dim + at * 2;
  }
};

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
