#pragma once

/// Products of many rows by AMX tiles, which read packed weights as they are. oneDNN of our age leaves most of what the
/// tiles can do.

#include <cstddef>
#include <cstdint>

namespace chromatin::gpu {

/// True where processor and kernel let this process use tiles of bf16. Any cap by CHROMATIN_ISA (see kernels()) is
/// below them.
bool has_amx();

/// Rows to tiles of 16 rows and 32 inputs, [rows / 16][k / 32][16][32]. `rows` is a multiple of 16, k of 32.
void pack_amx_rows(const std::uint16_t* x, std::uint32_t rows, std::uint32_t k, std::uint16_t* to);

/// y[rows][64 · blocks] = rows · weights, or += where `add`, over some of the inputs.
struct amx_product {
  const std::uint16_t* packed_rows;  ///< of all `k` inputs
  std::uint32_t rows, k;
  std::uint32_t first_input, inputs;  ///< that are multiplied: multiples of 32
  const std::uint16_t* weights;       ///< of these inputs, [blocks][inputs / 2][64][2]
  std::size_t next_block;             ///< from one block of them to the next
  std::uint32_t blocks;
  float* y;
  std::size_t y_stride;  ///< from one row of y to the next
  bool add;
};

/// Fast where all these weights stay in the second cache.
void multiply_amx(const amx_product& p);

}  // namespace chromatin::gpu
