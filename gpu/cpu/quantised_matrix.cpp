#include "gpu/cpu/quantised_matrix.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "gpu/cpu/quant_layout.hpp"
#include "gpu/cpu/quant_packing.hpp"
#include "gpu/cpu/tile_product.hpp"
#include "model/block_quants.hpp"
#include "model/quantise.hpp"

namespace chromatin::gpu {
namespace {

/// Up to here our own kernel is at least as fast as unpacking and oneDNN.
constexpr std::uint32_t packed_rows_max = 24;
/// Rows and strips whose sums are gathered at a time.
constexpr std::uint32_t strip_rows = 16, own_strips = 4;
constexpr std::uint32_t block_strips = block_outputs / strip_outputs;
/// Bytes of weights that a core reads in the time of a piece of our own kernel, so that taking one costs nothing beside
/// it.
constexpr std::size_t own_piece_bytes = std::size_t{64} << 10;
/// The same for many rows: weights stay in a core's second cache, and for each piece all rows come from farther away.
constexpr std::size_t many_rows_piece_bytes = std::size_t{1} << 19;
/// Unpacked weights of a piece, which should stay in a core's second cache until they are multiplied.
constexpr std::size_t unpacked_bytes_max = std::size_t{1} << 20;

std::uint32_t outputs_of_all(const std::vector<const model::tensor*>& parts) {
  std::uint64_t all = 0;
  for (const auto* part : parts) all += part->shape.at(0);
  return static_cast<std::uint32_t>(all);
}

}  // namespace

quantised_matrix::quantised_matrix(const std::vector<const model::tensor*>& parts, model::element kind,
                                   matrix_options options)
    : options_{options},
      kind_{kind},
      n_{outputs_of_all(parts)},
      k_{static_cast<std::uint32_t>(parts.at(0)->shape.at(1))},
      strip_bytes_{strip_bytes(model::layout_of(kind), k_)},
      matmul_{k_, n_, options.bf16} {
  packed_ = kv::plain_memory(strips() * strip_bytes_);
}

std::uint32_t quantised_matrix::begin_packing(const std::vector<const model::tensor*>& parts) {
  packing_ = parts;
  losses_.assign(blocks(), {});
  return blocks();
}

/// Rows that the last strips do not have become zeros.
void quantised_matrix::pack(std::uint32_t piece) {
  auto bytes = model::row_bytes(kind_, k_);
  std::vector<std::byte> room(strip_outputs * bytes);
  for (auto s = piece * block_strips; s < (piece + 1) * block_strips; ++s) {
    std::array<const std::byte*, strip_outputs> rows;
    auto first = std::min(s * strip_outputs, n_), count = std::min(strip_outputs, n_ - first);
    for (std::uint32_t o = 0; o < count; ++o)
      rows[o] = row_to_pack(first + o, std::span{room}.subspan(o * bytes, bytes), losses_[piece]);
    pack_strip(kind_, std::span{rows}.first(count), k_, packed_.data.get() + s * strip_bytes_);
  }
}

/// As the file has it, else rounded, in `room`.
const std::byte* quantised_matrix::row_to_pack(std::uint32_t output, std::span<std::byte> room,
                                               rounding_loss& loss) const {
  auto [tensor, number] = find_row(packing_, output);
  if (tensor->type == kind_) return tensor->bytes.data() + number * room.size();
  std::vector<float> values(k_), kept(k_);
  model::to_f32(tensor->row(number), values);
  model::quantise(kind_, values, room);
  model::blocks_to_f32(kind_, room, kept);
  for (std::uint32_t i = 0; i < k_; ++i) loss.add(values[i], kept[i]);
  return room.data();
}

std::uint32_t quantised_matrix::strips() const { return blocks() * block_strips; }

quant_strip quantised_matrix::strip(std::uint32_t number) const {
  return {kind_, packed_.data.get() + number * strip_bytes_, k_};
}

const void* quantised_matrix::row(const void* x, std::uint32_t r) const {
  return static_cast<const std::byte*>(x) + std::size_t{r} * k_ * (options_.bf16 ? 2 : 4);
}

std::uint32_t quantised_matrix::wanted_strips() const {
  if (way_ == way::own) {
    auto bytes = call_.rows > packed_rows_max ? many_rows_piece_bytes : own_piece_bytes;
    return static_cast<std::uint32_t>(bytes / strip_bytes_) / 2 * 2;
  }
  auto block_bytes = std::size_t{block_outputs} * k_ * (options_.bf16 ? 2 : 4);
  return static_cast<std::uint32_t>(unpacked_bytes_max / block_bytes) * block_strips;
}

std::uint32_t quantised_matrix::prepare(const product_call& call) {
  call_ = call;
  bool few = call.rows <= packed_rows_max || options_.fixed_order;
  if (!few && options_.bf16 && fits_tiles(k_))
    way_ = way::tiles;
  else
    way_ = few || !matmul_.lies_in_blocks() ? way::own : way::onednn;
  auto most = std::max(1u, blocks() / (2 * options_.threads)) * block_strips;
  auto least = way_ == way::own ? 2u : block_strips;
  piece_strips_ = std::clamp(wanted_strips(), least, most);
  kernels_.clear();
  piece_rows_ = padded_rows(call.rows);
  auto all = way_ == way::own ? (n_ + strip_outputs - 1) / strip_outputs : strips();
  if (way_ == way::onednn) {
    auto last = (all - 1) / piece_strips_ * piece_strips_ * strip_outputs;
    kernels_ = {&matmul_.kernel_for(piece_rows_, std::min(piece_strips_ * strip_outputs, n_)),
                &matmul_.kernel_for(piece_rows_, n_ - last)};
  }
  return (all + piece_strips_ - 1) / piece_strips_;
}

void quantised_matrix::piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const {
  strip_range range{number * piece_strips_, std::min((number + 1) * piece_strips_, strips())};
  if (way_ == way::own) return multiply_own(range, x, y, room);
  if (way_ == way::onednn) return multiply_onednn(range, x, y, room);
  multiply_by_tiles(range, x, y, room);
}

/// The rows as our own kernel takes them; a thread reads them once for all pieces of a product.
const quant_inputs* quantised_matrix::read(const void* x, matrix_room& room) const {
  auto stride = (k_ + chunk_inputs - 1) / chunk_inputs;
  if (room.inputs_of == call_.number) return room.inputs.data();
  room.inputs.resize(std::max(room.inputs.size(), std::size_t{call_.rows} * stride));
  for (std::uint32_t r = 0; r < call_.rows; ++r) {
    auto* to = room.inputs.data() + std::size_t{r} * stride;
    if (options_.bf16)
      quant_kernels().read_bf16(static_cast<const std::uint16_t*>(row(x, r)), k_, to);
    else
      quant_kernels().read_f32(static_cast<const float*>(row(x, r)), k_, to);
  }
  room.inputs_of = call_.number;
  return room.inputs.data();
}

void quantised_matrix::multiply_own(strip_range range, const void* x, float* y, matrix_room& room) const {
  const auto* inputs = read(x, room);
  auto stride = (k_ + chunk_inputs - 1) / chunk_inputs;
  alignas(64) float sums[own_strips * strip_rows * strip_outputs];
  auto end = std::min(range.end, (n_ + strip_outputs - 1) / strip_outputs);
  for (std::uint32_t first = 0; first < call_.rows; first += strip_rows)
    for (auto s = range.first; s < end; s += own_strips) {
      auto rows = std::min(strip_rows, call_.rows - first), strips = std::min(own_strips, end - s);
      quant_kernels().dot(strip(s), strips, inputs + std::size_t{first} * stride, stride, rows, sums);
      for (std::uint32_t i = 0; i < strips; ++i) {
        auto output = (s + i) * strip_outputs, outputs = std::min(strip_outputs, n_ - output);
        for (std::uint32_t r = 0; r < rows; ++r)
          std::memcpy(y + std::size_t{first + r} * call_.y_stride + output, sums + (i * rows + r) * strip_outputs,
                      outputs * sizeof(float));
      }
    }
}

quantised_matrix::output_range quantised_matrix::outputs_of(strip_range range) const {
  auto first = range.first * strip_outputs;
  return {first, std::min(range.end * strip_outputs, n_) - first};
}

void quantised_matrix::multiply_by_tiles(strip_range range, const void* x, float* y, matrix_room& room) const {
  const auto* weights = static_cast<const std::uint16_t*>(unpack(range, room));
  auto outputs = outputs_of(range);
  multiply_tiles(call_, k_, x, weights, outputs.first, outputs.count, y, room);
}

/// Whole blocks of weights as oneDNN reads them.
const void* quantised_matrix::unpack(strip_range range, matrix_room& room) const {
  auto values = std::size_t{range.end - range.first} * strip_outputs * k_;
  if (options_.bf16)
    room.widened.resize(std::max(room.widened.size(), values));
  else
    room.widest.resize(std::max(room.widest.size(), values));
  for (auto s = range.first; s < range.end; ++s) {
    auto column = s % block_strips * strip_outputs;
    auto block = std::size_t{(s - range.first) / block_strips} * block_outputs * k_;
    if (options_.bf16)
      quant_kernels().unpack_bf16(strip(s), room.widened.data() + block + std::size_t{column} * 2);
    else
      quant_kernels().unpack_f32(strip(s), room.widest.data() + block + column);
  }
  return options_.bf16 ? static_cast<const void*>(room.widened.data()) : room.widest.data();
}

void quantised_matrix::multiply_onednn(strip_range range, const void* x, float* y, matrix_room& room) const {
  const auto* weights = unpack(range, room);
  auto outputs = outputs_of(range);
  room.tile.resize(std::max(room.tile.size(), std::size_t{piece_rows_} * outputs.count));
  const auto& kernel = *kernels_[range.end < strips() ? 0 : 1];
  library_matmul::run(kernel, x, weights, room.tile.data(), room.library);
  for (std::uint32_t r = 0; r < call_.rows; ++r)
    std::memcpy(y + std::size_t{r} * call_.y_stride + outputs.first, room.tile.data() + std::size_t{r} * outputs.count,
                outputs.count * sizeof(float));
}

}  // namespace chromatin::gpu
