#pragma once

/// A part of a product by AMX, for all kinds of weights.

#include <cstdint>

#include "gpu/cpu/matrix_part.hpp"

namespace chromatin::gpu {

/// True where bf16 rows of so many inputs can be multiplied by tiles.
bool fits_tiles(std::uint32_t k);

/// Outputs from `first` on: `weights` are those of their blocks, [blocks][k / 2][64][2]. `y` is the part's first
/// column, and has room for padded_rows(call.rows) rows as x has. A thread packs the rows once for all pieces of a
/// product.
void multiply_tiles(const product_call& call, std::uint32_t k, const void* x, const std::uint16_t* weights,
                    std::uint32_t first, std::uint32_t outputs, float* y, matrix_room& room);

}  // namespace chromatin::gpu
