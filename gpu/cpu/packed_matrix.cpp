#include "gpu/cpu/packed_matrix.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include "gpu/cpu/dense_matrix.hpp"
#include "gpu/cpu/quantised_matrix.hpp"
#include "model/quantise.hpp"

namespace chromatin::gpu {
namespace {

std::uint64_t next_product() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

/// How a tensor is packed; for `stored` kinds of floats all the same.
model::element packed_kind(const model::tensor& t, const matrix_options& options) {
  if (model::is_quantised(t.type)) return t.type;
  return options.weights == model::weight_kind::q4 ? model::q4_kind(t.shape.at(1)) : model::element::other;
}

}  // namespace

std::uint32_t padded_rows(std::uint32_t rows) {
  auto round_up = [rows](std::uint32_t to) { return (rows + to - 1) / to * to; };
  if (rows <= 4) return rows;
  if (rows <= 16) return round_up(4);
  return round_up(rows <= 128 ? 16 : 64);
}

packed_matrix::packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options) {
  k_ = static_cast<std::uint32_t>(parts.at(0)->shape.at(1));
  if (k_ % 2 != 0) throw std::invalid_argument("a weight matrix needs an even number of inputs");
  for (auto first = parts.begin(); first != parts.end();) {
    auto kind = packed_kind(**first, options);
    auto end = std::find_if(first, parts.end(), [&](auto* t) { return packed_kind(*t, options) != kind; });
    std::vector<const model::tensor*> same{first, end};
    std::unique_ptr<matrix_part> part;
    if (kind == model::element::other)
      part = std::make_unique<dense_matrix>(same, options);
    else
      part = std::make_unique<quantised_matrix>(same, kind, options);
    auto outputs = part->outputs();
    parts_.push_back({std::move(part), same.size(), n_});
    n_ += outputs;
    first = end;
  }
}

std::uint32_t packed_matrix::begin_packing(const std::vector<const model::tensor*>& parts) {
  std::uint32_t pieces = 0;
  auto first = parts.begin();
  for (auto& p : parts_) {
    auto end = first + static_cast<std::ptrdiff_t>(p.tensors);
    p.packing_end = pieces += p.part->begin_packing({first, end});
    first = end;
  }
  return pieces;
}

void packed_matrix::pack(std::uint32_t piece) {
  std::uint32_t begin = 0;
  for (auto& p : parts_) {
    if (piece < p.packing_end) return p.part->pack(piece - begin);
    begin = p.packing_end;
  }
}

std::uint32_t packed_matrix::prepare(std::uint32_t rows) {
  product_call call{rows, next_product(), n_};
  std::uint32_t pieces = 0;
  for (auto& p : parts_) p.pieces_end = pieces += p.part->prepare(call);
  return pieces;
}

void packed_matrix::piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const {
  std::uint32_t begin = 0;
  for (const auto& p : parts_) {
    if (number < p.pieces_end) return p.part->piece(number - begin, x, y + p.first_output, room);
    begin = p.pieces_end;
  }
}

std::size_t packed_matrix::bytes() const {
  std::size_t all = 0;
  for (const auto& p : parts_) all += p.part->bytes();
  return all;
}

rounding_loss packed_matrix::loss() const {
  rounding_loss all;
  for (const auto& p : parts_) all += p.part->loss();
  return all;
}

}  // namespace chromatin::gpu
