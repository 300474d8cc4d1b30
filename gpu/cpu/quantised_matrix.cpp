#include "gpu/cpu/quantised_matrix.hpp"

#include <algorithm>
#include <cstring>
#include <span>

#include "gpu/cpu/quant_layout.hpp"
#include "gpu/cpu/quant_packing.hpp"
#include "model/block_quants.hpp"
#include "model/quantise.hpp"

namespace chromatin::gpu {
namespace {

/// Up to here our own kernel is at least as fast as unpacking and oneDNN.
constexpr std::uint32_t own_rows_max = 24;
/// Rows whose sums are gathered at a time.
constexpr std::uint32_t tile_rows = 16;
constexpr std::uint32_t block_strips = block_outputs / strip_outputs;
/// Bytes of weights that a core reads in the time of a piece of our own kernel, so that taking one costs nothing beside
/// it.
constexpr std::size_t own_piece_bytes = std::size_t{64} << 10;
/// Unpacked weights of a piece, which should stay in a core's second cache until they are multiplied.
constexpr std::size_t unpacked_bytes_max = std::size_t{512} << 10;

std::uint32_t outputs_of(const std::vector<const model::tensor*>& parts) {
  std::uint64_t all = 0;
  for (const auto* part : parts) all += part->shape.at(0);
  return static_cast<std::uint32_t>(all);
}

}  // namespace

quantised_matrix::quantised_matrix(const std::vector<const model::tensor*>& parts, model::element kind,
                                   matrix_options options)
    : options_{options},
      kind_{kind},
      n_{outputs_of(parts)},
      k_{static_cast<std::uint32_t>(parts.at(0)->shape.at(1))},
      strip_bytes_{strip_bytes(model::layout_of(kind), k_)},
      matmul_{k_, n_, options.bf16} {
  std::vector<const std::byte*> rows;
  std::vector<std::vector<std::byte>> made;
  for (const auto* part : parts) {
    if (part->type != kind) made.push_back(rounded(*part));
    const auto* first = part->type == kind ? part->bytes.data() : made.back().data();
    for (std::uint64_t r = 0; r < part->shape[0]; ++r) rows.push_back(first + r * model::row_bytes(kind, k_));
  }
  pack(rows);
}

std::vector<std::byte> quantised_matrix::rounded(const model::tensor& t) {
  auto bytes = model::row_bytes(kind_, k_);
  std::vector<std::byte> blocks(t.shape[0] * bytes);
  double error = 0, weights = 0;
#pragma omp parallel for reduction(+ : error, weights)
  for (std::uint64_t r = 0; r < t.shape[0]; ++r) {
    std::vector<float> values(k_), kept(k_);
    model::to_f32(t.row(r), values);
    std::span<std::byte> row{blocks.data() + r * bytes, bytes};
    model::quantise(kind_, values, row);
    model::blocks_to_f32(kind_, row, kept);
    for (std::uint32_t i = 0; i < k_; ++i) {
      auto lost = static_cast<double>(values[i]) - static_cast<double>(kept[i]);
      error += lost * lost;
      weights += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
  }
  loss_.error += error;
  loss_.weights += weights;
  return blocks;
}

void quantised_matrix::pack(const std::vector<const std::byte*>& rows) {
  packed_ = kv::plain_memory(strips() * strip_bytes_);
#pragma omp parallel for
  for (std::uint32_t s = 0; s < strips(); ++s) {
    auto first = std::min<std::size_t>(s * strip_outputs, n_), count = std::min<std::size_t>(strip_outputs, n_ - first);
    pack_strip(kind_, std::span{rows}.subspan(first, count), k_, packed_.data.get() + s * strip_bytes_);
  }
}

std::uint32_t quantised_matrix::strips() const { return blocks() * block_strips; }

quant_strip quantised_matrix::strip(std::uint32_t number) const {
  return {kind_, packed_.data.get() + number * strip_bytes_, k_};
}

const void* quantised_matrix::row(const void* x, std::uint32_t r) const {
  return static_cast<const std::byte*>(x) + std::size_t{r} * k_ * (options_.bf16 ? 2 : 4);
}

std::uint32_t quantised_matrix::prepare(const product_call& call) {
  call_ = call;
  own_ = call.rows <= own_rows_max || options_.fixed_order || !matmul_.lies_in_blocks();
  auto block_bytes = block_strips * strip_bytes_;
  auto unpacked_bytes = std::size_t{block_outputs} * k_ * (options_.bf16 ? 2 : 4);
  auto wanted = own_ ? own_piece_bytes / block_bytes : unpacked_bytes_max / unpacked_bytes;
  auto most = std::max(1u, blocks() / (2 * options_.threads));
  piece_blocks_ = std::clamp(static_cast<std::uint32_t>(wanted), 1u, most);
  kernels_.clear();
  if (!own_) {
    piece_rows_ = padded_rows(call.rows);
    auto last = (blocks() - 1) / piece_blocks_ * piece_blocks_ * block_outputs;
    kernels_ = {&matmul_.kernel_for(piece_rows_, std::min(piece_blocks_ * block_outputs, n_)),
                &matmul_.kernel_for(piece_rows_, n_ - last)};
  }
  return (blocks() + piece_blocks_ - 1) / piece_blocks_;
}

void quantised_matrix::piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const {
  auto first = number * piece_blocks_, end = std::min(first + piece_blocks_, blocks());
  if (own_)
    multiply_own(first, end, x, y, room);
  else
    multiply_onednn(first, end, x, y, room);
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

void quantised_matrix::multiply_own(std::uint32_t first_block, std::uint32_t end_block, const void* x, float* y,
                                    matrix_room& room) const {
  const auto* inputs = read(x, room);
  auto stride = (k_ + chunk_inputs - 1) / chunk_inputs;
  alignas(64) float sums[tile_rows * strip_outputs];
  for (auto s = first_block * block_strips; s < end_block * block_strips && s * strip_outputs < n_; ++s)
    for (std::uint32_t first = 0; first < call_.rows; first += tile_rows) {
      auto rows = std::min(tile_rows, call_.rows - first);
      quant_kernels().dot(strip(s), inputs + std::size_t{first} * stride, stride, rows, sums);
      auto outputs = std::min(strip_outputs, n_ - s * strip_outputs);
      for (std::uint32_t r = 0; r < rows; ++r)
        std::memcpy(y + std::size_t{first + r} * call_.y_stride + s * strip_outputs, sums + r * strip_outputs,
                    outputs * sizeof(float));
    }
}

/// Blocks of weights as oneDNN reads them.
const void* quantised_matrix::unpack(std::uint32_t first_block, std::uint32_t end_block, matrix_room& room) const {
  auto block_values = std::size_t{block_outputs} * k_, values = (end_block - first_block) * block_values;
  if (options_.bf16)
    room.widened.resize(std::max(room.widened.size(), values));
  else
    room.widest.resize(std::max(room.widest.size(), values));
  for (auto s = first_block * block_strips; s < end_block * block_strips; ++s) {
    auto column = s % block_strips * strip_outputs, block = s / block_strips - first_block;
    if (options_.bf16)
      quant_kernels().unpack_bf16(strip(s), room.widened.data() + block * block_values + std::size_t{column} * 2);
    else
      quant_kernels().unpack_f32(strip(s), room.widest.data() + block * block_values + column);
  }
  return options_.bf16 ? static_cast<const void*>(room.widened.data()) : room.widest.data();
}

void quantised_matrix::multiply_onednn(std::uint32_t first_block, std::uint32_t end_block, const void* x, float* y,
                                       matrix_room& room) const {
  const auto* weights = unpack(first_block, end_block, room);
  auto first = first_block * block_outputs, outputs = std::min(end_block * block_outputs, n_) - first;
  room.tile.resize(std::max(room.tile.size(), std::size_t{piece_rows_} * outputs));
  const auto& kernel = *kernels_[end_block < blocks() ? 0 : 1];
  library_matmul::run(kernel, x, weights, room.tile.data(), room.library);
  for (std::uint32_t r = 0; r < call_.rows; ++r)
    std::memcpy(y + std::size_t{r} * call_.y_stride + first, room.tile.data() + std::size_t{r} * outputs,
                outputs * sizeof(float));
}

}  // namespace chromatin::gpu
