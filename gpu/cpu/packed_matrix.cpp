#include "gpu/cpu/packed_matrix.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <omp.h>

#include "gpu/cpu/kernels.hpp"

namespace chromatin::gpu {
namespace {

/// Outputs that lie together: [k / 2][64][2].
constexpr std::uint32_t piece_outputs = 64;
/// k is padded to this.
constexpr std::uint32_t inputs_padding = 32;
/// Up to here our own kernel, which reads weights once for all rows, is at least as fast as oneDNN's.
constexpr std::uint32_t own_rows_max = 16;
/// Pairs of inputs that the own kernel takes at a time, so that they stay in the first cache for all rows.
constexpr std::uint32_t chunk_pairs = 64;
/// Rows whose sums are gathered at a time.
constexpr std::uint32_t tile_rows = 24;
/// Rows of every call of oneDNN when results must not depend on them.
constexpr std::uint32_t fixed_rows = 16;

std::uint32_t round_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

std::vector<float> row_of(const model::tensor& t, std::uint64_t row, std::uint32_t k) {
  auto element_bytes = t.bytes.size() / t.size();
  model::tensor one{{k}, t.type, t.bytes.subspan(row * k * element_bytes, k * element_bytes)};
  std::vector<float> values(k);
  model::to_f32(one, values);
  return values;
}

/// All parts one after the other, as bf16 if they are, else as float.
std::vector<std::byte> stack(const std::vector<const model::tensor*>& parts, bool as_bf16) {
  std::size_t elements = 0;
  for (const auto* part : parts) elements += part->size();
  std::vector<std::byte> stacked(elements * (as_bf16 ? 2 : 4));
  auto* to = stacked.data();
  for (const auto* part : parts) {
    if (as_bf16)
      std::memcpy(to, part->bytes.data(), part->bytes.size());
    else
      model::to_f32(*part, {reinterpret_cast<float*>(to), part->size()});
    to += part->size() * (as_bf16 ? 2 : 4);
  }
  return stacked;
}

}  // namespace

bool has_bf16_matmul() {
  auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

std::string matmul_description() {
  const auto* v = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

std::uint32_t padded_rows(std::uint32_t rows) {
  if (rows <= 4) return rows;
  if (rows <= 16) return round_up(rows, 4);
  if (rows <= 128) return round_up(rows, 16);
  return round_up(rows, 64);
}

packed_matrix::packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options)
    : options_{options} {
  k_ = static_cast<std::uint32_t>(parts.at(0)->shape.at(1));
  for (const auto* part : parts) n_ += static_cast<std::uint32_t>(part->shape.at(0));
  if (k_ % 2 != 0) throw std::invalid_argument("a weight matrix needs an even number of inputs");
  if (options_.int8) {
    pack_int8(parts);
    return;
  }
  matmul_ = std::make_unique<onednn_matmul>(k_, n_, options_.bf16, options_.bf16, std::span<const float>{});
  bool bf16 = std::all_of(parts.begin(), parts.end(), [](auto* part) { return part->type == model::element::bf16; });
  bool as_stored = bf16 && parts.size() == 1;  // packed straight from the file
  auto stacked = as_stored ? std::vector<std::byte>{} : stack(parts, bf16);
  packed_ = kv::plain_memory(matmul_->layout().get_size());
  matmul_->pack(as_stored ? parts[0]->bytes.data() : stacked.data(), bf16, packed_.data.get());
}

void packed_matrix::pack_int8(const std::vector<const model::tensor*>& parts) {
  auto k = round_up(k_, inputs_padding), n = round_up(n_, piece_outputs);
  packed_ = kv::plain_memory(std::size_t{k} * n);
  std::memset(packed_.data.get(), 0, packed_.size_bytes);  // the padding
  scales_.assign(n, 0);
  std::uint32_t output = 0;
  for (const auto* part : parts) {
    for (std::uint64_t row = 0; row < part->shape[0]; ++row, ++output) {
      auto values = row_of(*part, row, k_);
      float largest = 0;
      for (auto v : values) largest = std::max(largest, std::abs(v));
      auto scale = scales_[output] = largest / 127;
      auto* piece = small_values() + std::size_t{output / piece_outputs} * piece_outputs * k;
      for (std::uint32_t i = 0; i < k_; ++i) {
        auto rounded = scale > 0 ? std::nearbyint(values[i] / scale) : 0.0f;
        piece[(std::size_t{i / 2} * piece_outputs + output % piece_outputs) * 2 + i % 2] =
            static_cast<std::int8_t>(rounded);
        auto lost = static_cast<double>(values[i]) - static_cast<double>(rounded * scale);
        squared_error_ += lost * lost;
        squared_weights_ += static_cast<double>(values[i]) * values[i];
      }
    }
  }
  if (options_.bf16) {
    matmul_ = std::make_unique<onednn_matmul>(k_, n_, true, true, std::span{scales_}.first(n_));
    if (!matmul_->lies_in_pairs()) throw std::runtime_error("oneDNN has no fast kernel for int8 weights here");
  }
}

std::size_t packed_matrix::bytes() const { return packed_.size_bytes + scales_.size() * sizeof(float); }

bool packed_matrix::is_own(std::uint32_t rows) const {
  if (!options_.bf16) return options_.int8;
  return kernels().dot_bf16 && matmul_->lies_in_pairs() && (rows <= own_rows_max || options_.fixed_order);
}

void packed_matrix::multiply(const void* x, std::uint32_t rows, float* y, widened_weights& room) {
  if (is_own(rows)) return multiply_own(x, rows, y);
  if (options_.int8) return multiply_widened(x, rows, y, room);
  if (!options_.fixed_order) return matmul_->run(x, packed_.data.get(), y, padded_rows(rows));
  auto row_bytes = std::size_t{k_} * (options_.bf16 ? 2 : 4);
  std::vector<std::byte> block(fixed_rows * row_bytes);
  std::vector<float> result(std::size_t{fixed_rows} * n_);
  for (std::uint32_t first = 0; first < rows; first += fixed_rows) {
    auto count = std::min(fixed_rows, rows - first);
    std::memcpy(block.data(), static_cast<const std::byte*>(x) + first * row_bytes, count * row_bytes);
    matmul_->run(block.data(), packed_.data.get(), result.data(), fixed_rows);
    std::memcpy(y + std::size_t{first} * n_, result.data(), std::size_t{count} * n_ * sizeof(float));
  }
}

void packed_matrix::multiply_own(const void* x, std::uint32_t rows, float* y) const {
  auto pieces = round_up(n_, piece_outputs) / piece_outputs;
#pragma omp parallel for schedule(static) if (omp_get_max_threads() > 1)
  for (std::uint32_t piece = 0; piece < pieces; ++piece)
    for (std::uint32_t first = 0; first < rows; first += tile_rows)
      multiply_piece(x, first, std::min(tile_rows, rows - first), piece, y);
}

void packed_matrix::multiply_piece(const void* x, std::uint32_t first_row, std::uint32_t rows, std::uint32_t piece,
                                   float* y) const {
  const auto& own = kernels();
  alignas(64) float sums[tile_rows * piece_outputs];
  std::fill_n(sums, rows * piece_outputs, 0.0f);
  auto at = std::size_t{piece} * round_up(k_, inputs_padding) * piece_outputs;
  for (std::uint32_t pair = 0; pair < k_ / 2; pair += chunk_pairs) {
    auto pairs = std::min(chunk_pairs, k_ / 2 - pair);
    auto chunk = at + std::size_t{pair} * piece_outputs * 2;
    auto from = std::size_t{first_row} * k_ + std::size_t{pair} * 2;
    auto* narrow = static_cast<const std::uint16_t*>(x) + from;
    if (!options_.int8)
      own.dot_bf16(narrow, k_, rows, packed_values() + chunk, pairs, sums);
    else if (options_.bf16)
      own.dot_bf16_int8(narrow, k_, rows, small_values() + chunk, pairs, sums);
    else
      own.dot_f32_int8(static_cast<const float*>(x) + from, k_, rows, small_values() + chunk, pairs, sums);
  }
  auto outputs = std::min(piece_outputs, n_ - piece * piece_outputs);
  for (std::uint32_t r = 0; r < rows; ++r)
    for (std::uint32_t j = 0; j < outputs; ++j) {
      auto output = piece * piece_outputs + j;
      y[std::size_t{first_row + r} * n_ + output] =
          sums[r * piece_outputs + j] * (options_.int8 ? scales_[output] : 1.0f);
    }
}

void packed_matrix::multiply_widened(const void* x, std::uint32_t rows, float* y, widened_weights& room) {
  if (room.size() < packed_.size_bytes) room.resize(packed_.size_bytes);
  auto piece_values = round_up(k_, inputs_padding) * piece_outputs;
  auto pieces = packed_.size_bytes / piece_values;
#pragma omp parallel for schedule(static)
  for (std::size_t piece = 0; piece < pieces; ++piece)
    kernels().widen_int8(small_values() + piece * piece_values, piece_values, room.data() + piece * piece_values);
  matmul_->run(x, room.data(), y, padded_rows(rows));
}

}  // namespace chromatin::gpu
