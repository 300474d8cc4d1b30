#pragma once

/// A weight matrix packed once, multiplied from the right: y[rows][n] = x[rows][k] · Wᵀ. Many rows go through oneDNN; a
/// few, as in decode, through our own kernel over the same bytes, since reading them is all that counts there.

#include <memory>
#include <vector>

#include "gpu/cpu/matmul_library.hpp"
#include "kv/page.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

/// Rows are padded to one of a few counts, so that only a few kernels are ever made.
std::uint32_t padded_rows(std::uint32_t rows);

/// How matrices are kept and multiplied.
struct matrix_options {
  bool bf16 = true;           ///< x is bf16, else float; weights are kept in the same type unless `int8`
  bool int8 = false;          ///< weights are whole numbers of -127 … 127 times a scale per output (channel)
  bool fixed_order = false;   ///< a row's result must not depend on the other rows
  std::uint32_t threads = 1;  ///< that share a product
};

/// What one thread needs to multiply, shared by all matrices of a backend.
struct matrix_room {
  library_matmul::room library;
  std::vector<float> tile;             ///< results before they are put in their places
  std::vector<std::uint16_t> widened;  ///< int8 weights as bf16
};

/// A product is cut into pieces that any thread may compute: prepare() once, alone, then piece() for each.
class packed_matrix {
 public:
  /// Stacks `parts` ([n_i][k] each, as checkpoints have them) to one [n][k] matrix and packs it. k is even.
  packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options);

  std::uint32_t n() const { return n_; }
  /// How many pieces a product of `rows` has.
  std::uint32_t prepare(std::uint32_t rows);
  /// Computes one of them. `x` has room for padded_rows(rows) rows of k values, and for 16 at least; `y` for
  /// padded_rows(rows) rows of n floats.
  void piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const;

  std::uint64_t multiplications() const { return std::uint64_t{n_} * k_; }  ///< for one row
  std::size_t bytes() const;                                                ///< as packed
  /// Of int8 weights: the sums of squares of what rounding took away, and of the weights.
  double squared_error() const { return squared_error_; }
  double squared_weights() const { return squared_weights_; }

 private:
  enum class way : std::uint8_t { own, by_rows, by_outputs };
  /// A part of the result.
  struct area {
    std::uint32_t first_row, rows, first_block, blocks;
  };
  std::uint32_t block_count() const { return (n_ + block_outputs - 1) / block_outputs; }
  std::uint32_t outputs_of(const area& a) const;
  const std::uint16_t* packed_values() const { return reinterpret_cast<const std::uint16_t*>(packed_.data.get()); }
  std::int8_t* small_values() const { return reinterpret_cast<std::int8_t*>(packed_.data.get()); }
  void pack_int8(const std::vector<const model::tensor*>& parts);
  way way_for(std::uint32_t rows) const;
  void cut_by_rows(std::uint32_t rows);
  void cut_by_outputs(std::uint32_t rows);
  void multiply_own(const area& a, const void* x, float* y) const;
  void multiply_onednn(const area& a, const void* x, float* y, matrix_room& room) const;
  const void* weights_of(const area& a, matrix_room& room) const;
  const void* row(const void* x, std::uint32_t r) const;

  matrix_options options_;
  std::uint32_t n_ = 0, k_ = 0;
  std::unique_ptr<library_matmul> matmul_;  ///< none for int8 weights with float inputs
  kv::memory_block packed_;                ///< int8 as [n / 64][k / 2][64][2], padded with zeros, else as oneDNN has it
  std::vector<float> scales_;              ///< of int8 weights, [n padded]
  double squared_error_ = 0, squared_weights_ = 0;

  // The product that was prepared last.
  way way_ = way::own;
  std::uint32_t rows_ = 0;
  std::uint32_t piece_rows_ = 0, piece_blocks_ = 0;    ///< of every piece but perhaps the last
  std::vector<const library_matmul::kernel*> kernels_;  ///< of full pieces and of the last one
};

}  // namespace chromatin::gpu
