#pragma once

/// Neighbouring outputs of a weight matrix that are kept in the same way, and what all ways have in common.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu/cpu/line_vector.hpp"
#include "gpu/cpu/matmul_library.hpp"
#include "gpu/cpu/quant_kernels.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

/// Rows are padded to one of a few counts, so that only a few kernels are ever made.
std::uint32_t padded_rows(std::uint32_t rows);

/// How matrices are kept and multiplied.
struct matrix_options {
  bool bf16 = true;  ///< x is bf16, else float; weights that are stored as floats are kept in the same type
  /// What weights stored as floats are rounded to when they are packed. Quantised ones stay as they are.
  model::weight_kind weights = model::weight_kind::stored;
  bool fixed_order = false;   ///< a row's result must not depend on the other rows
  std::uint32_t threads = 1;  ///< that share a product
};

/// What one thread needs to multiply, shared by all matrices of a backend.
struct matrix_room {
  library_matmul::room library;
  line_vector<float> tile;             ///< results before they are put in their places
  line_vector<std::uint16_t> widened;  ///< int8 and quantised weights as bf16
  line_vector<float> widest;           ///< quantised weights as floats
  line_vector<quant_inputs> inputs;    ///< of quantised weights
  std::uint64_t inputs_of = 0;         ///< which product they are of
  line_vector<std::uint16_t> tiles;    ///< rows as AMX reads them
  std::uint64_t tiles_of = 0;          ///< which product they are of
};

/// What rounding has done to the weights: sums of squares of what it took away, and of the weights.
struct rounding_loss {
  double error = 0, weights = 0;

  void add(double value, double kept) {
    error += (value - kept) * (value - kept);
    weights += value * value;
  }
  rounding_loss& operator+=(const rounding_loss& other) {
    error += other.error;
    weights += other.weights;
    return *this;
  }
};

inline rounding_loss sum_of(const std::vector<rounding_loss>& losses) {
  rounding_loss all;
  for (const auto& loss : losses) all += loss;
  return all;
}

/// A row of tensors that are stacked.
struct stacked_row {
  const model::tensor* of;
  std::uint64_t number;
};

inline stacked_row find_row(const std::vector<const model::tensor*>& stacked, std::uint64_t number) {
  auto at = stacked.begin();
  for (; number >= (*at)->shape[0]; ++at) number -= (*at)->shape[0];
  return {*at, number};
}

/// One product at a time, from one thread.
struct product_call {
  std::uint32_t rows;
  std::uint64_t number;    ///< no two products have the same
  std::uint32_t y_stride;  ///< from one row of results to the next
};

/// Made of the shapes and types of tensors, with its memory set aside; the weights come later.
class matrix_part {
 public:
  virtual ~matrix_part() = default;
  /// Alone: begins to pack the weights of `parts`, as which it was made; they stay until the last piece is done. How
  /// many pieces that has, which any threads may do.
  virtual std::uint32_t begin_packing(const std::vector<const model::tensor*>& parts) = 0;
  virtual void pack(std::uint32_t piece) = 0;
  /// Alone; how many pieces the product has, which any threads may compute then.
  virtual std::uint32_t prepare(const product_call& call) = 0;
  /// `y` is this part's first column.
  virtual void piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const = 0;
  virtual std::uint32_t outputs() const = 0;
  virtual std::size_t bytes() const = 0;  ///< as packed
  virtual rounding_loss loss() const { return {}; }
};

}  // namespace chromatin::gpu
