#pragma once

/// How prefill's attention divides its work among blocks; attention_prefill.cu says what a block does.

#include "gpu/cuda/kernels/attention.cuh"

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// Of a block; two blocks share a multiprocessor.
inline constexpr std::uint32_t prefill_warps = 4;

/// How a block divides its work, for heads of up to `dim_max` dimensions.
template <std::uint32_t dim_max>
struct prefill_layout {
  static constexpr std::uint32_t warps = prefill_warps, threads = warps * 32;
  static constexpr std::uint32_t strips = dim_max > 128 ? 1 : 2;  ///< of 16 rows, in a warp
  static constexpr std::uint32_t warp_rows = strips * 16, rows = warps * warp_rows;
  static constexpr std::uint32_t keys = dim_max > 128 ? 32 : 64;  ///< of a tile; a page is a whole number of tiles
  static constexpr std::uint32_t pitch = dim_max * 2 + 16;        ///< bytes between rows: their banks differ
  static constexpr std::uint32_t tile_bytes = keys * pitch;
  static constexpr std::uint32_t keys_at = rows * pitch, values_at = keys_at + 2 * tile_bytes;
  static constexpr std::uint32_t positions_at = values_at + 2 * tile_bytes;
  static constexpr std::uint32_t shared_bytes = positions_at + rows * sizeof(std::uint32_t);
  static constexpr std::uint32_t part_tiles = prefill_part_tokens / keys;
  /// What a thread keeps of a part: weighted values, largest scores, sums of weights.
  static constexpr std::uint32_t state_floats = strips * (dim_max / 2 + 4);
  static constexpr std::uint32_t steps = (keys * dim_max / 16 + threads - 1) / threads;  ///< of a thread, per tile
};

/// The block's share: `rows` of a sequence, a row being a token and one of the query heads that share a head of keys.
struct prefill_share {
  sequence_view sequence;
  std::uint32_t group;
  std::uint32_t first_token;  ///< of the piece, in the sequence
  std::uint32_t first, rows;  ///< of the piece's rows, numbered token · group + head
  std::uint32_t number;       ///< among the launch's shares

  /// `rows` is 0 where the piece has none for the block.
  DEVICE prefill_share(const attention_args& args, std::uint32_t rows_max) {
    auto piece = args.pieces[args.piece_count - 1 - block_z()];  // later ones see more: they start first
    sequence = args.batch.sequences[piece.sequence];
    group = args.shape.heads / args.shape.kv_heads;
    first_token = piece.first;
    auto shares = prefill_piece_rows / rows_max * group;  // of a piece, of which later ones see more, too
    auto y = shares - 1 - block_y() % shares;
    number = (block_z() * shares + y) * args.shape.kv_heads + block_x();
    first = y * rows_max;
    auto end = piece.rows * group;
    rows = first >= end ? 0 : end - first < rows_max ? end - first : rows_max;
  }

  DEVICE std::uint32_t token(std::uint32_t row) const { return first_token + (first + row) / group; }
  DEVICE std::uint32_t head(std::uint32_t row) const { return block_x() * group + (first + row) % group; }
  /// Rows beyond the last see what the last sees.
  DEVICE std::uint32_t position(std::uint32_t row) const {
    return sequence.position + token(row < rows ? row : rows - 1);
  }
};

/// A launch with a block for each share.
template <std::uint32_t dim_max>
grid prefill_blocks(const attention_args& args) {
  auto shares = prefill_piece_rows / prefill_layout<dim_max>::rows * (args.shape.heads / args.shape.kv_heads);
  return {args.shape.kv_heads, shares, args.piece_count};
}

/// Adds the parts of shares that have more than one, into args.out (attention_prefill_combine.cu).
void combine_prefill(stream, const attention_args&);
/// Rotates the histories' keys of all sequences that have a `first_rotated`, into args.rotated_keys
/// (attention_rotate.cu).
void rotate_history(stream, const attention_args&);

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
