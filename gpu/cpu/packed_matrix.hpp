#pragma once

/// A weight matrix packed once, multiplied from the right: y[rows][n] = x[rows][k] · Wᵀ.

#include <memory>
#include <vector>

#include "gpu/cpu/matrix_part.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

/// A product is cut into pieces that any thread may compute: prepare() once, alone, then piece() for each.
class packed_matrix {
 public:
  /// Stacks `parts` ([n_i][k] each, as checkpoints have them) to one [n][k] matrix and packs it: neighbours of one kind
  /// together. k is even.
  packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options);

  std::uint32_t n() const { return n_; }
  /// How many pieces a product of `rows` has.
  std::uint32_t prepare(std::uint32_t rows);
  /// Computes one of them. `x` has room for padded_rows(rows) rows of k values, and for 16 at least; `y` for
  /// padded_rows(rows) rows of n floats.
  void piece(std::uint32_t number, const void* x, float* y, matrix_room& room) const;

  std::uint64_t multiplications() const { return std::uint64_t{n_} * k_; }  ///< for one row
  std::size_t bytes() const;                                                ///< as packed
  rounding_loss loss() const;

 private:
  struct placed_part {
    std::unique_ptr<matrix_part> part;
    std::uint32_t first_output;
    std::uint32_t pieces_end = 0;  ///< of the product that was prepared last
  };
  std::uint32_t n_ = 0, k_ = 0;
  std::vector<placed_part> parts_;
};

}  // namespace chromatin::gpu
