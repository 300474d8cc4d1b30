#include "gpu/cpu/tile_product.hpp"

#include <algorithm>
#include <cstring>

#include "gpu/cpu/amx.hpp"

namespace chromatin::gpu {
namespace {

constexpr std::uint32_t tile_rows = 16, tile_inputs = 32;
/// Weights of a piece, which stay in a core's second cache for all rows.
constexpr std::size_t tile_weights_bytes = std::size_t{1} << 20;

std::uint32_t tiled_rows(const product_call& call) { return (call.rows + tile_rows - 1) / tile_rows * tile_rows; }

const std::uint16_t* tiles(const product_call& call, std::uint32_t k, const void* x, matrix_room& room) {
  if (room.tiles_of == call.number) return room.tiles.data();
  room.tiles.resize(std::max(room.tiles.size(), std::size_t{tiled_rows(call)} * k));
  pack_amx_rows(static_cast<const std::uint16_t*>(x), tiled_rows(call), k, room.tiles.data());
  room.tiles_of = call.number;
  return room.tiles.data();
}

}  // namespace

std::uint32_t tile_piece_blocks(std::uint32_t k) {
  auto block_bytes = std::size_t{block_outputs} * std::min(k, tile_slab_inputs) * 2;
  return std::max(1u, static_cast<std::uint32_t>(tile_weights_bytes / block_bytes));
}

bool fits_tiles(std::uint32_t k) { return k % tile_inputs == 0 && has_amx(); }

void multiply_tiles(const product_call& call, std::uint32_t k, const void* x, const tile_part& part, float* y,
                    matrix_room& room) {
  auto whole = part.outputs / block_outputs, rest = part.outputs % block_outputs;
  amx_product p{.packed_rows = tiles(call, k, x, room),
                .rows = tiled_rows(call),
                .k = k,
                .first_input = part.first_input,
                .inputs = part.inputs,
                .weights = part.weights,
                .next_block = part.next_block,
                .blocks = whole,
                .y = y + part.first_output,
                .y_stride = call.y_stride,
                .add = part.first_input > 0};
  multiply_amx(p);
  if (rest == 0) return;
  // The last block is not full: what it writes beside its outputs must not go over others'.
  room.tile.resize(std::max(room.tile.size(), std::size_t{p.rows} * block_outputs));
  p.weights += whole * part.next_block;
  p.blocks = 1;
  p.y = room.tile.data();
  p.y_stride = block_outputs;
  auto place = [&](std::uint32_t r) {
    return y + std::size_t{r} * call.y_stride + part.first_output + whole * block_outputs;
  };
  if (p.add)
    for (std::uint32_t r = 0; r < call.rows; ++r)
      std::memcpy(p.y + std::size_t{r} * block_outputs, place(r), rest * sizeof(float));
  multiply_amx(p);
  for (std::uint32_t r = 0; r < call.rows; ++r)
    std::memcpy(place(r), p.y + std::size_t{r} * block_outputs, rest * sizeof(float));
}

}  // namespace chromatin::gpu
