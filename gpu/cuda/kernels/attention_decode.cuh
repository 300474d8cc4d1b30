#pragma once

/// How decode's attention divides its work: parts of a row's keys, and where their results lie.

#include "gpu/cuda/kernels/attention.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

#ifndef DECODE_BLOCKS
#define DECODE_BLOCKS 2
#endif

/// How a block works on a part of a row's keys, for heads of up to `dim_max` dimensions, and 8 or 16 heads at a time.
template <std::uint32_t dim_max, std::uint32_t halves>
struct decode_layout {
  static constexpr std::uint32_t warps = 4, threads = warps * 32;
  static constexpr std::uint32_t heads = 8 * halves;
  static constexpr std::uint32_t keys = 16;  ///< that a warp takes at a time
  static_assert(warps * keys == page_tokens, "a lane's keys have the same slots in every page");
  static constexpr std::uint32_t pages = split_tokens / page_tokens;
  static constexpr std::uint32_t chunks = dim_max / 64;           ///< of eight pairs of dimensions, of a lane
  static constexpr std::uint32_t query_pitch = dim_max * 2 + 64;  ///< bytes between rows: two rows' banks differ
  /// Over the queries, when they are not needed any more: the warps' results.
  static constexpr std::uint32_t result_pitch = dim_max + 4;  ///< floats

  /// Of `group` heads, at most `heads`.
  static constexpr std::uint32_t queries_bytes(std::uint32_t group) { return pages * 2 * group * query_pitch; }
  static constexpr std::uint32_t results_bytes(std::uint32_t group) {
    return warps * group * (result_pitch + 2) * std::uint32_t{sizeof(float)} + 16;
  }
  static constexpr std::uint32_t shared_bytes(std::uint32_t group) {
    if (group > heads) group = heads;
    return queries_bytes(group) > results_bytes(group) ? queries_bytes(group) : results_bytes(group);
  }
};

/// Where the parts of a row leave their results: sums of values weighted, [piece][part][head][dim], then pairs of the
/// largest score and the sum of weights, [piece][part][head].
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

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
