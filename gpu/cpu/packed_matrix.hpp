#pragma once

/// A weight matrix packed once for oneDNN's matmul, multiplied from the right: y[rows][n] = x[rows][k] · Wᵀ.

#include <map>
#include <memory>
#include <vector>

#include "model/weights.hpp"

namespace chromatin::gpu {

/// True where oneDNN multiplies bf16 in hardware on this processor (and its ONEDNN_MAX_CPU_ISA cap).
bool has_bf16_matmul();
std::string matmul_description();

/// Rows are padded to one of a few counts, so that only a few kernels are ever made.
std::uint32_t padded_rows(std::uint32_t rows);

/// Not thread-safe; oneDNN uses OpenMP threads inside.
class packed_matrix {
 public:
  /// Stacks `parts` ([n_i][k] each, as checkpoints have them) to one [n][k] matrix and packs it as bf16 or float.
  packed_matrix(const std::vector<const model::tensor*>& parts, bool bf16);
  ~packed_matrix();
  packed_matrix(packed_matrix&&) noexcept;

  std::uint32_t n() const { return n_; }
  /// `x` has padded_rows(rows) rows of k values (bf16 or float as packed), `y` the same number of rows of n floats.
  void multiply(const void* x, std::uint32_t rows, float* y);
  std::uint64_t multiplications() const { return std::uint64_t{n_} * k_; }  ///< for one row

 private:
  struct kernels;
  std::uint32_t n_ = 0, k_ = 0;
  bool bf16_ = false;
  std::unique_ptr<kernels> kernels_;
};

}  // namespace chromatin::gpu
