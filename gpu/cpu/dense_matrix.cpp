#include "gpu/cpu/dense_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/tile_product.hpp"

namespace chromatin::gpu {
namespace {

/// Packed weights of a piece of packing, about.
constexpr std::size_t packing_bytes = std::size_t{1} << 20;
/// k is padded to this.
constexpr std::uint32_t inputs_padding = 32;
/// Up to here our own kernel, which reads weights once for all rows, is at least as fast as oneDNN's.
constexpr std::uint32_t dense_rows_max = 48;
/// Pairs of inputs that the own kernel takes at a time, so that they stay in the first cache for all rows.
constexpr std::uint32_t chunk_pairs = 64;
/// Rows whose sums are gathered at a time.
constexpr std::uint32_t summed_rows = 24;
/// Rows of every call of oneDNN when results must not depend on them.
constexpr std::uint32_t fixed_rows = 16;
/// Rows of a piece when a product is cut by rows: fewer make oneDNN slower, more make a late thread dearer.
constexpr std::uint32_t piece_rows_max = 64;
/// Weights that stay in the caches all threads share while they are read once for each piece of rows.
constexpr std::size_t cached_weights_bytes = std::size_t{8} << 20;
/// Weights of a piece that AMX multiplies, which stay in a core's second cache for all rows.
constexpr std::size_t tile_weights_bytes = std::size_t{1} << 20;
/// How long a piece should take at least, so that taking it costs nothing beside it, of our own kernels and of
/// oneDNN's.
constexpr double own_piece_ns = 5e3, onednn_piece_ns = 5e4;

std::uint32_t round_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

std::vector<float> row_of(const model::tensor& t, std::uint64_t row, std::uint32_t k) {
  std::vector<float> values(k);
  model::to_f32(t.row(row), values);
  return values;
}

/// Rows of `parts` one after the other, as bf16 if they are, else as float.
std::vector<std::byte> stack(const std::vector<const model::tensor*>& parts, std::uint32_t first, std::uint32_t count,
                             std::uint32_t k, bool as_bf16) {
  auto row_bytes = std::size_t{k} * (as_bf16 ? 2 : 4);
  std::vector<std::byte> stacked(count * row_bytes);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto [tensor, number] = find_row(parts, first + i);
    auto* to = stacked.data() + i * row_bytes;
    if (as_bf16)
      std::memcpy(to, tensor->row(number).bytes.data(), row_bytes);
    else
      model::to_f32(tensor->row(number), {reinterpret_cast<float*>(to), k});
  }
  return stacked;
}

}  // namespace

dense_matrix::dense_matrix(const std::vector<const model::tensor*>& parts, matrix_options options)
    : options_{options}, int8_{options.weights == model::weight_kind::int8} {
  k_ = static_cast<std::uint32_t>(parts.at(0)->shape.at(1));
  for (const auto* part : parts) n_ += static_cast<std::uint32_t>(part->shape.at(0));
  if (k_ % 2 != 0) throw std::invalid_argument("a weight matrix needs an even number of inputs");
  if (options_.bf16 || !int8_) matmul_ = std::make_unique<library_matmul>(k_, n_, options_.bf16);
  if (!int8_) {
    packed_ = kv::plain_memory(matmul_->packed_bytes());
    return;
  }
  if (matmul_ && !matmul_->lies_in_pairs()) throw std::runtime_error("oneDNN has no fast kernel for int8 weights here");
  packed_ = kv::plain_memory(std::size_t{round_up(k_, inputs_padding)} * block_count() * block_outputs);
  scales_.assign(block_count() * block_outputs, 0);
}

std::uint32_t dense_matrix::begin_packing(const std::vector<const model::tensor*>& parts) {
  packing_ = parts;
  packing_blocks_ = int8_ ? 1 : static_cast<std::uint32_t>(packing_bytes / matmul_->block_bytes()) + 1;
  losses_.assign(int8_ ? block_count() : 0, {});
  return (block_count() + packing_blocks_ - 1) / packing_blocks_;
}

void dense_matrix::pack(std::uint32_t piece) {
  if (int8_) return pack_int8(piece);
  auto block = piece * packing_blocks_, first = block * block_outputs;
  auto count = std::min(packing_blocks_ * block_outputs, n_ - first);
  auto [begin, row] = find_row(packing_, first);
  bool bf16 =
      std::all_of(packing_.begin(), packing_.end(), [](auto* part) { return part->type == model::element::bf16; });
  bool as_stored = bf16 && row + count <= begin->shape[0];  // packed straight from the file
  auto stacked = as_stored ? std::vector<std::byte>{} : stack(packing_, first, count, k_, bf16);
  matmul_->pack(as_stored ? begin->row(row).bytes.data() : stacked.data(), count, bf16,
                packed_.data.get() + block * matmul_->block_bytes());
}

void dense_matrix::pack_int8(std::uint32_t block) {
  auto block_bytes = std::size_t{round_up(k_, inputs_padding)} * block_outputs;
  auto* to = small_values() + block * block_bytes;
  std::memset(to, 0, block_bytes);  // the padding
  for (auto output = block * block_outputs; output < std::min((block + 1) * block_outputs, n_); ++output) {
    auto [tensor, row] = find_row(packing_, output);
    auto values = row_of(*tensor, row, k_);
    float largest = 0;
    for (auto v : values) largest = std::max(largest, std::abs(v));
    auto scale = scales_[output] = largest / 127;
    for (std::uint32_t i = 0; i < k_; ++i) {
      auto rounded = scale > 0 ? std::nearbyint(values[i] / scale) : 0.0f;
      to[(std::size_t{i / 2} * block_outputs + output % block_outputs) * 2 + i % 2] = static_cast<std::int8_t>(rounded);
      losses_[block].add(values[i], static_cast<double>(rounded * scale));
    }
  }
}

std::uint32_t dense_matrix::outputs_of(const area& a) const {
  return std::min(a.blocks * block_outputs, n_ - a.first_block * block_outputs);
}

const void* dense_matrix::row(const void* x, std::uint32_t r) const {
  return static_cast<const std::byte*>(x) + std::size_t{r} * k_ * (options_.bf16 ? 2 : 4);
}

dense_matrix::way dense_matrix::way_for(std::uint32_t rows) const {
  bool few = rows <= dense_rows_max || options_.fixed_order;
  if (!options_.bf16 && int8_) return way::own;
  if (options_.bf16 && kernels().dot_bf16 && matmul_->lies_in_pairs() && few) return way::own;
  if (options_.bf16 && matmul_->lies_in_pairs() && !few && fits_tiles(k_)) return way::by_tiles;
  bool cached = packed_.size_bytes <= cached_weights_bytes && !int8_;
  return cached && rows > dense_rows_max && !options_.fixed_order && call_.y_stride == n_ ? way::by_rows
                                                                                          : way::by_outputs;
}

std::uint32_t dense_matrix::prepare(const product_call& call) {
  call_ = call;
  auto rows = call.rows;
  way_ = way_for(rows);
  kernels_.clear();
  if (way_ == way::by_rows)
    cut_by_rows(rows);
  else
    cut_by_outputs(rows);
  auto pieces = [](std::uint32_t all, std::uint32_t part) { return (all + part - 1) / part; };
  return way_ == way::by_rows ? pieces(rows, piece_rows_) : pieces(block_count(), piece_blocks_);
}

void dense_matrix::cut_by_rows(std::uint32_t rows) {
  piece_blocks_ = block_count();
  piece_rows_ = std::clamp(round_up(rows / (4 * options_.threads), 16), 16u, piece_rows_max);
  auto last = (rows - 1) % piece_rows_ + 1;
  kernels_ = {&matmul_->kernel_for(piece_rows_, n_), &matmul_->kernel_for(padded_rows(last), n_)};
}

void dense_matrix::cut_by_outputs(std::uint32_t rows) {
  // A core multiplies 250 bf16 or 125 float values, or reads 25 bytes of weights a nanosecond, about.
  auto type_bytes = options_.bf16 ? 2.0 : 4.0;
  auto block_ns = block_outputs * k_ * type_bytes * std::max(0.002 * rows, 0.04);
  auto wanted = static_cast<std::uint32_t>((way_ == way::own ? own_piece_ns : onednn_piece_ns) / block_ns) + 1;
  piece_blocks_ = std::min(wanted, std::max(1u, block_count() / (2 * options_.threads)));
  piece_rows_ = options_.fixed_order ? fixed_rows : padded_rows(rows);
  if (way_ == way::own) return;
  if (way_ == way::by_tiles) {
    auto block_bytes = std::size_t{block_outputs} * k_ * 2;
    auto most = std::max(1u, block_count() / (2 * options_.threads));
    piece_blocks_ = std::clamp(static_cast<std::uint32_t>(tile_weights_bytes / block_bytes), 1u, most);
    return;
  }
  auto last = (block_count() - 1) / piece_blocks_ * piece_blocks_;
  for (const area& a : {area{0, piece_rows_, 0, piece_blocks_}, area{0, piece_rows_, last, block_count() - last}})
    kernels_.push_back(&matmul_->kernel_for(piece_rows_, outputs_of(a)));
}

void dense_matrix::piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const {
  if (way_ == way::by_rows) {
    auto first = number * piece_rows_;
    auto rows = std::min(piece_rows_, call_.rows - first);
    const auto& kernel = *kernels_[rows == piece_rows_ ? 0 : 1];
    return library_matmul::run(kernel, row(x, first), packed_.data.get(), y + std::size_t{first} * n_, room.library);
  }
  auto first = number * piece_blocks_;
  area a{0, call_.rows, first, std::min(piece_blocks_, block_count() - first)};
  if (way_ == way::own)
    multiply_own(a, x, y);
  else if (way_ == way::by_tiles)
    multiply_by_tiles(a, x, y, room);
  else
    multiply_onednn(a, x, y, room);
}

/// The packed weights of some blocks, as oneDNN reads them.
const void* dense_matrix::weights_of(const area& a, matrix_room& room) const {
  if (!int8_) return packed_.data.get() + a.first_block * matmul_->block_bytes();
  auto block_values = std::size_t{round_up(k_, inputs_padding)} * block_outputs;
  room.widened.resize(std::max(room.widened.size(), a.blocks * block_values));
  kernels().widen_int8(small_values() + a.first_block * block_values, a.blocks * block_values, room.widened.data());
  return room.widened.data();
}

void dense_matrix::multiply_by_tiles(const area& a, const void* x, float* y, matrix_room& room) const {
  const auto* weights = static_cast<const std::uint16_t*>(weights_of(a, room));
  auto first = a.first_block * block_outputs;
  auto outputs = std::min(a.blocks * block_outputs, n_ - first);
  multiply_tiles(call_, k_, x, weights, first, outputs, y, room);
  if (!int8_) return;
  for (std::uint32_t r = 0; r < a.rows; ++r) {
    auto* row_results = y + std::size_t{r} * call_.y_stride + first;
    for (std::uint32_t j = 0; j < outputs; ++j) row_results[j] *= scales_[first + j];
  }
}

void dense_matrix::multiply_onednn(const area& a, const void* x, float* y, matrix_room& room) const {
  auto outputs = outputs_of(a);
  const auto* weights = weights_of(a, room);
  const auto& kernel = *kernels_[a.first_block + piece_blocks_ < block_count() ? 0 : 1];
  room.tile.resize(std::max(room.tile.size(), std::size_t{piece_rows_} * outputs));
  for (std::uint32_t first = 0; first < a.rows; first += piece_rows_) {
    library_matmul::run(kernel, row(x, first), weights, room.tile.data(), room.library);
    for (std::uint32_t r = 0; r < std::min(piece_rows_, a.rows - first); ++r) {
      const auto* from = room.tile.data() + std::size_t{r} * outputs;
      auto* to = y + std::size_t{first + r} * call_.y_stride + std::size_t{a.first_block} * block_outputs;
      if (int8_)
        for (std::uint32_t j = 0; j < outputs; ++j) to[j] = from[j] * scales_[a.first_block * block_outputs + j];
      else
        std::memcpy(to, from, outputs * sizeof(float));
    }
  }
}

void dense_matrix::multiply_own(const area& a, const void* x, float* y) const {
  const auto& own = kernels();
  alignas(64) float sums[summed_rows * block_outputs];
  for (auto block = a.first_block; block < a.first_block + a.blocks; ++block)
    for (std::uint32_t first = 0; first < a.rows; first += summed_rows) {
      auto rows = std::min(summed_rows, a.rows - first);
      std::fill_n(sums, rows * block_outputs, 0.0f);
      auto at = std::size_t{block} * round_up(k_, inputs_padding) * block_outputs;
      for (std::uint32_t pair = 0; pair < k_ / 2; pair += chunk_pairs) {
        auto pairs = std::min(chunk_pairs, k_ / 2 - pair);
        auto chunk = at + std::size_t{pair} * block_outputs * 2;
        auto from = std::size_t{first} * k_ + std::size_t{pair} * 2;
        auto* narrow = static_cast<const std::uint16_t*>(x) + from;
        if (!int8_)
          own.dot_bf16(narrow, k_, rows, packed_values() + chunk, pairs, sums);
        else if (options_.bf16)
          own.dot_bf16_int8(narrow, k_, rows, small_values() + chunk, pairs, sums);
        else
          own.dot_f32_int8(static_cast<const float*>(x) + from, k_, rows, small_values() + chunk, pairs, sums);
      }
      auto outputs = std::min(block_outputs, n_ - block * block_outputs);
      for (std::uint32_t r = 0; r < rows; ++r)
        for (std::uint32_t j = 0; j < outputs; ++j) {
          auto output = block * block_outputs + j;
          y[std::size_t{first + r} * call_.y_stride + output] =
              sums[r * block_outputs + j] * (int8_ ? scales_[output] : 1.0f);
        }
    }
}

}  // namespace chromatin::gpu
