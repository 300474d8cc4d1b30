#pragma once

/// A part of a product by AMX, for all kinds of weights.

#include <cstdint>

#include "gpu/cpu/matrix_part.hpp"

namespace chromatin::gpu {

/// True where bf16 rows of so many inputs can be multiplied by tiles.
bool fits_tiles(std::uint32_t k);

/// A piece takes so many inputs at a time, so that it can have more outputs: for each piece all rows come from memory
/// once. A multiple of quantised chunks.
inline constexpr std::uint32_t tile_slab_inputs = 1u << 20;

/// Blocks of outputs of a good piece.
std::uint32_t tile_piece_blocks(std::uint32_t k);

/// Some outputs of a product, over some of its inputs.
struct tile_part {
  std::uint32_t first_output, outputs;
  std::uint32_t first_input, inputs;  ///< multiples of 32; what comes first is set, the others add to it
  const std::uint16_t* weights;       ///< of these inputs, [blocks][inputs / 2][64][2]
  std::size_t next_block;             ///< from one block of them to the next
};

/// `y` is the product's first column, and has room for padded_rows(call.rows) rows as x has. A thread packs the rows
/// once for all parts of a product.
void multiply_tiles(const product_call& call, std::uint32_t k, const void* x, const tile_part& part, float* y,
                    matrix_room& room);

}  // namespace chromatin::gpu
