#include "gpu/cpu/amx.hpp"

#include <cstdlib>
#include <cstring>

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace chromatin::gpu {
namespace {

constexpr std::uint32_t tile_rows = 16, tile_inputs = 32, tile_values = tile_rows * tile_inputs;
constexpr std::uint32_t row_bytes = 64;                     ///< of a tile
constexpr std::uint32_t block_values = 64 * 2;              ///< of a pair of inputs
constexpr std::uint32_t weights_stride = 2 * block_values;  ///< bytes from one pair of inputs to the next

struct alignas(64) tile_config {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};
};

bool processor_has_tiles() {
  constexpr unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & amx_bf16) && (d & amx_tile);
}

/// The kernel saves tiles only for processes that ask for them.
bool kernel_allows_tiles() {
  constexpr int request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

/// Tiles 0 … 3 are sums of two tiles of rows by two of outputs, 4 and 5 rows, 6 and 7 weights.
void two_by_two(const std::uint16_t* rows, std::size_t next_rows, std::uint32_t k, const std::uint16_t* weights,
                float* y, std::size_t stride) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (std::uint32_t i = 0; i < k / tile_inputs; ++i) {
    const auto* w = weights + std::size_t{i} * tile_inputs / 2 * block_values;
    const auto* x = rows + std::size_t{i} * tile_values;
    _tile_loadd(4, x, row_bytes);
    _tile_loadd(6, w, weights_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + tile_inputs, weights_stride);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, x + next_rows, row_bytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  auto bytes = stride * sizeof(float);
  _tile_stored(0, y, bytes);
  _tile_stored(1, y + tile_rows, bytes);
  _tile_stored(2, y + tile_rows * stride, bytes);
  _tile_stored(3, y + tile_rows * stride + tile_rows, bytes);
}

void one_by_two(const std::uint16_t* rows, std::uint32_t k, const std::uint16_t* weights, float* y,
                std::size_t stride) {
  _tile_zero(0);
  _tile_zero(1);
  for (std::uint32_t i = 0; i < k / tile_inputs; ++i) {
    const auto* w = weights + std::size_t{i} * tile_inputs / 2 * block_values;
    _tile_loadd(4, rows + std::size_t{i} * tile_values, row_bytes);
    _tile_loadd(6, w, weights_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + tile_inputs, weights_stride);
    _tile_dpbf16ps(1, 4, 7);
  }
  _tile_stored(0, y, stride * sizeof(float));
  _tile_stored(1, y + tile_rows, stride * sizeof(float));
}

/// Tiles 0 … 3 are sums of one tile of rows by four of outputs, 4 rows, 5 … 7 weights.
void add_one_by_four(const std::uint16_t* x, std::size_t stride, const std::uint16_t* weights, std::size_t pairs,
                     float* sums) {
  constexpr auto sums_stride = 64 * sizeof(float);
  _tile_loadd(0, sums, sums_stride);
  _tile_loadd(1, sums + tile_rows, sums_stride);
  _tile_loadd(2, sums + 2 * tile_rows, sums_stride);
  _tile_loadd(3, sums + 3 * tile_rows, sums_stride);
  for (std::size_t p = 0; p < pairs; p += tile_inputs / 2) {
    const auto* w = weights + p * block_values;
    _tile_loadd(4, x + 2 * p, stride * sizeof *x);
    _tile_loadd(5, w, weights_stride);
    _tile_dpbf16ps(0, 4, 5);
    _tile_loadd(6, w + tile_inputs, weights_stride);
    _tile_dpbf16ps(1, 4, 6);
    _tile_loadd(7, w + 2 * tile_inputs, weights_stride);
    _tile_dpbf16ps(2, 4, 7);
    _tile_loadd(5, w + 3 * tile_inputs, weights_stride);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, sums, sums_stride);
  _tile_stored(1, sums + tile_rows, sums_stride);
  _tile_stored(2, sums + 2 * tile_rows, sums_stride);
  _tile_stored(3, sums + 3 * tile_rows, sums_stride);
}

constexpr tile_config eight_tiles() {
  tile_config config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = row_bytes;
    config.rows[tile] = tile_rows;
  }
  return config;
}

/// A constant: g++ 12 does not know that loading it reads all of it, and may leave out what is written to a local one.
constexpr tile_config config = eight_tiles();

}  // namespace

bool has_amx() {
  static const bool has = [] {
    return !std::getenv("CHROMATIN_ISA") && processor_has_tiles() && kernel_allows_tiles();
  }();
  return has;
}

void pack_amx_rows(const std::uint16_t* x, std::uint32_t rows, std::uint32_t k, std::uint16_t* to) {
  for (std::uint32_t first = 0; first < rows; first += tile_rows)
    for (std::uint32_t i = 0; i < k; i += tile_inputs)
      for (std::uint32_t r = first; r < first + tile_rows; ++r, to += tile_inputs)
        std::memcpy(to, x + std::size_t{r} * k + i, row_bytes);
}

void multiply_amx(const std::uint16_t* packed_rows, std::uint32_t rows, std::uint32_t k, const std::uint16_t* weights,
                  std::uint32_t blocks, float* y, std::size_t stride) {
  _tile_loadconfig(&config);
  auto next_rows = std::size_t{tile_rows} * k;
  for (std::uint32_t r = 0; r < rows; r += 2 * tile_rows)
    for (std::uint32_t o = 0; o < 64 * blocks; o += 2 * tile_rows) {
      const auto* x = packed_rows + std::size_t{r} * k;
      const auto* w = weights + std::size_t{o / 64} * 64 * k + o % 64 * 2;
      auto* to = y + r * stride + o;
      if (r + tile_rows < rows)
        two_by_two(x, next_rows, k, w, to, stride);
      else
        one_by_two(x, k, w, to, stride);
    }
  _tile_release();
}

void add_products_amx(const std::uint16_t* x, std::size_t stride, std::uint32_t rows, const std::uint16_t* weights,
                      std::size_t pairs, float* sums) {
  _tile_loadconfig(&config);
  for (std::uint32_t r = 0; r < rows; r += tile_rows)
    add_one_by_four(x + r * stride, stride, weights, pairs, sums + r * 64);
  _tile_release();
}

}  // namespace chromatin::gpu
