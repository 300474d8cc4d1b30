#pragma once

/// Products of many rows by AMX tiles, which read packed weights as they are. oneDNN of our age leaves most of what the
/// tiles can do. What does not begin at a cache line takes twice as long (line_vector.hpp).

#include <cstddef>
#include <cstdint>

namespace chromatin::gpu {

/// True where processor and kernel let this process use tiles of bf16. Any cap by CHROMATIN_ISA (see kernels()) is
/// below them.
bool has_amx();

/// Rows to tiles of 16 rows and 32 inputs, [rows / 16][k / 32][16][32]. `rows` is a multiple of 16, k of 32.
void pack_amx_rows(const std::uint16_t* x, std::uint32_t rows, std::uint32_t k, std::uint16_t* to);

/// y[rows][64 · blocks] = rows · weights, [blocks][k / 2][64][2]; `stride` floats from one row of y to the next. Fast
/// where all weights stay in the second cache.
void multiply_amx(const std::uint16_t* packed_rows, std::uint32_t rows, std::uint32_t k, const std::uint16_t* weights,
                  std::uint32_t blocks, float* y, std::size_t stride);

/// sums[rows][64] += x[rows][2 · pairs] · weights[pairs][64][2]; `stride` values from one row of x to the next. `rows`
/// and `pairs` are multiples of 16.
void add_products_amx(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const std::uint16_t* weights,
                      std::size_t pairs, float* sums);

}  // namespace chromatin::gpu
