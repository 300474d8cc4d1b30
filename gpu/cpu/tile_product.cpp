#include "gpu/cpu/tile_product.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/cpu/amx.hpp"

namespace chromatin::gpu {
namespace {

constexpr std::uint32_t tile_rows = 16, tile_inputs = 32;

std::uint32_t tiled_rows(const product_call& call) { return (call.rows + tile_rows - 1) / tile_rows * tile_rows; }

const std::uint16_t* tiles(const product_call& call, std::uint32_t k, const void* x, matrix_room& room) {
  if (room.tiles_of == call.number) return room.tiles.data();
  room.tiles.resize(std::max(room.tiles.size(), std::size_t{tiled_rows(call)} * k));
  pack_amx_rows(static_cast<const std::uint16_t*>(x), tiled_rows(call), k, room.tiles.data());
  room.tiles_of = call.number;
  return room.tiles.data();
}

}  // namespace

bool fits_tiles(std::uint32_t k) { return k % tile_inputs == 0 && has_amx(); }

void multiply_tiles(const product_call& call, std::uint32_t k, const void* x, const std::uint16_t* weights,
                    std::uint32_t first, std::uint32_t outputs, float* y, matrix_room& room) {
  const auto* rows = tiles(call, k, x, room);
  auto whole = outputs / block_outputs, done = whole * block_outputs, rest = outputs - done;
  multiply_amx(rows, tiled_rows(call), k, weights, whole, y + first, call.y_stride);
  if (rest == 0) return;
  // The last block is not full: what it writes beside its outputs must not go over others'.
  room.tile.resize(std::max(room.tile.size(), std::size_t{tiled_rows(call)} * block_outputs));
  multiply_amx(rows, tiled_rows(call), k, weights + std::size_t{done} * k, 1, room.tile.data(), block_outputs);
  for (std::uint32_t r = 0; r < call.rows; ++r)
    std::memcpy(y + std::size_t{r} * call.y_stride + first + done, room.tile.data() + std::size_t{r} * block_outputs,
                rest * sizeof(float));
}

}  // namespace chromatin::gpu
