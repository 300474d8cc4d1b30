#pragma once

/// A weight matrix packed once, multiplied from the right: y[rows][n] = x[rows][k] · Wᵀ. It is made without its
/// weights, so that what cannot be is refused at once; they are packed later.

#include <memory>
#include <vector>

#include "gpu/cpu/matrix_part.hpp"
#include "model/weights.hpp"

namespace chromatin::gpu {

/// A product is cut into pieces that any thread may compute: prepare() once, alone, then piece() for each.
class packed_matrix {
 public:
  /// Of `parts` ([n_i][k] each, as checkpoints have them) stacked to one [n][k] matrix: neighbours of one kind
  /// together. k is even. Sets the memory aside.
  packed_matrix(const std::vector<const model::tensor*>& parts, matrix_options options);

  /// Alone: begins to pack the weights of `parts`, the same tensors; they stay until the last piece is done. How many
  /// pieces that has, which any threads may do.
  std::uint32_t begin_packing(const std::vector<const model::tensor*>& parts);
  void pack(std::uint32_t piece);

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
    std::size_t tensors;
    std::uint32_t first_output;
    std::uint32_t packing_end = 0;  ///< of the pieces of packing
    std::uint32_t pieces_end = 0;   ///< of the product that was prepared last
  };
  std::uint32_t n_ = 0, k_ = 0;
  std::vector<placed_part> parts_;
};

}  // namespace chromatin::gpu
