#include "gpu/cpu/amx.hpp"

#include <algorithm>
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

/// Rows and outputs that are multiplied at a time, from their first inputs on.
struct tile_panel {
  const std::uint16_t* rows;
  std::size_t next_rows;  ///< from 16 rows to the next
  const std::uint16_t* weights;
  std::uint32_t inputs;
  float* y;
  std::size_t y_stride;
  bool add;
};

/// Tiles 0 … 3 are sums of two tiles of rows by two of outputs, 4 and 5 rows, 6 and 7 weights.
void two_by_two(const tile_panel& p) {
  auto stride = p.y_stride * sizeof(float);
  auto* below = p.y + tile_rows * p.y_stride;
  if (p.add) {
    _tile_loadd(0, p.y, stride);
    _tile_loadd(1, p.y + tile_rows, stride);
    _tile_loadd(2, below, stride);
    _tile_loadd(3, below + tile_rows, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (std::uint32_t i = 0; i < p.inputs / tile_inputs; ++i) {
    const auto* w = p.weights + std::size_t{i} * tile_inputs / 2 * block_values;
    const auto* x = p.rows + std::size_t{i} * tile_values;
    _tile_loadd(4, x, row_bytes);
    _tile_loadd(6, w, weights_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + tile_inputs, weights_stride);
    _tile_dpbf16ps(1, 4, 7);
    _tile_loadd(5, x + p.next_rows, row_bytes);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, p.y, stride);
  _tile_stored(1, p.y + tile_rows, stride);
  _tile_stored(2, below, stride);
  _tile_stored(3, below + tile_rows, stride);
}

void one_by_two(const tile_panel& p) {
  auto stride = p.y_stride * sizeof(float);
  if (p.add) {
    _tile_loadd(0, p.y, stride);
    _tile_loadd(1, p.y + tile_rows, stride);
  } else {
    _tile_zero(0);
    _tile_zero(1);
  }
  for (std::uint32_t i = 0; i < p.inputs / tile_inputs; ++i) {
    const auto* w = p.weights + std::size_t{i} * tile_inputs / 2 * block_values;
    _tile_loadd(4, p.rows + std::size_t{i} * tile_values, row_bytes);
    _tile_loadd(6, w, weights_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, w + tile_inputs, weights_stride);
    _tile_dpbf16ps(1, 4, 7);
  }
  _tile_stored(0, p.y, stride);
  _tile_stored(1, p.y + tile_rows, stride);
}

void load_tile_config() {
  tile_config config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = row_bytes;
    config.rows[tile] = tile_rows;
  }
  _tile_loadconfig(&config);
}

/// Inputs so few that those of two tiles of rows stay in the first cache while all outputs are multiplied by them.
constexpr std::uint32_t panel_inputs = 1u << 20;

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

void multiply_amx(const amx_product& p) {
  load_tile_config();
  for (std::uint32_t done = 0; done < p.inputs; done += panel_inputs)
    for (std::uint32_t r = 0; r < p.rows; r += 2 * tile_rows)
      for (std::uint32_t o = 0; o < 64 * p.blocks; o += 2 * tile_rows) {
        tile_panel panel{.rows = p.packed_rows + std::size_t{r} * p.k + std::size_t{p.first_input + done} * tile_rows,
                         .next_rows = std::size_t{tile_rows} * p.k,
                         .weights = p.weights + o / 64 * p.next_block + std::size_t{done} * 64 + o % 64 * 2,
                         .inputs = std::min(panel_inputs, p.inputs - done),
                         .y = p.y + r * p.y_stride + o,
                         .y_stride = p.y_stride,
                         .add = p.add || done > 0};
        r + tile_rows < p.rows ? two_by_two(panel) : one_by_two(panel);
      }
  _tile_release();
}

}  // namespace chromatin::gpu
