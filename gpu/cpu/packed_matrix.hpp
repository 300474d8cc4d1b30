#pragma once

/// A weight matrix packed once, multiplied from the right: y[rows][n] = x[rows][k] · Wᵀ. Many rows go through oneDNN; a
/// few, as in decode, through our own kernel over the same bytes, since reading them is all that counts there.

#include <memory>
#include <vector>

#include "gpu/cpu/onednn.hpp"
#include "kv/page.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

/// True where oneDNN multiplies bf16 in hardware on this processor (and its ONEDNN_MAX_CPU_ISA cap).
bool has_bf16_matmul();
std::string matmul_description();

/// Rows are padded to one of a few counts, so that only a few kernels are ever made.
std::uint32_t padded_rows(std::uint32_t rows);

/// How matrices are kept and multiplied.
struct matrix_options {
  bool bf16 = true;          ///< x is bf16, else float; weights are kept in the same type unless `int8`
  bool int8 = false;         ///< weights are whole numbers of -127 … 127 times a scale per output (channel)
  bool fixed_order = false;  ///< a row's result must not depend on the other rows
};

/// Room to widen int8 weights in, shared by all matrices of a backend.
using widened_weights = std::vector<std::uint16_t>;

/// Not thread-safe; uses OpenMP threads inside.
class packed_matrix {
 public:
  /// Stacks `parts` ([n_i][k] each, as checkpoints have them) to one [n][k] matrix and packs it. k is even.
  packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options);

  std::uint32_t n() const { return n_; }
  /// `x` has padded_rows(rows) rows of k values, `y` the same number of rows of n floats.
  void multiply(const void* x, std::uint32_t rows, float* y, widened_weights& room);
  std::uint64_t multiplications() const { return std::uint64_t{n_} * k_; }  ///< for one row
  std::size_t bytes() const;                                                ///< as packed
  /// Of int8 weights: the sums of squares of what rounding took away, and of the weights.
  double squared_error() const { return squared_error_; }
  double squared_weights() const { return squared_weights_; }

 private:
  const std::uint16_t* packed_values() const { return reinterpret_cast<const std::uint16_t*>(packed_.data.get()); }
  std::int8_t* small_values() const { return reinterpret_cast<std::int8_t*>(packed_.data.get()); }
  void pack_int8(const std::vector<const model::tensor*>& parts);
  bool is_own(std::uint32_t rows) const;
  void multiply_own(const void* x, std::uint32_t rows, float* y) const;
  void multiply_piece(const void* x, std::uint32_t first_row, std::uint32_t rows, std::uint32_t piece, float* y) const;
  void multiply_widened(const void* x, std::uint32_t rows, float* y, widened_weights& room);

  matrix_options options_;
  std::uint32_t n_ = 0, k_ = 0;
  std::unique_ptr<onednn_matmul> matmul_;
  kv::memory_block packed_;    ///< int8 as [n / 64][k / 2][64][2], padded with zeros, else as oneDNN lays it out
  std::vector<float> scales_;  ///< of int8 weights, [n padded]
  double squared_error_ = 0, squared_weights_ = 0;
};

}  // namespace chromatin::gpu
