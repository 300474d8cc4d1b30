#pragma once

/// Matrix products on a device: y = x · wᵀ for rows of activations and a matrix of weights as checkpoints have them.

#include <cstdint>
#include <string>

#include "gpu/cuda/kernels.hpp"

namespace chromatin::gpu::cuda {

/// y[row][o] = Σ_i x[row][i] · w[o][i]; x and w are bf16, sums are float.
struct product {
  const void* weights = nullptr;  ///< [outputs][inputs], bf16
  std::uint32_t outputs = 0, inputs = 0;
  using into = product_result;
  into result = into::bf16;
};

/// One stream at a time: products share a workspace.
class products {
 public:
  virtual ~products() = default;

  /// Enqueues. `x` and `y` are contiguous, [rows][inputs] and [rows][outputs], aligned to 16 bytes as the weights are;
  /// `rows` > 0. Weights may be read before earlier kernels have ended: no kernel writes them. Where tune() has not
  /// chosen an algorithm, it takes one that is expected to be fast.
  virtual void multiply(stream, const product&, const void* x, std::uint32_t rows, void* y) = 0;
  /// Chooses algorithms ahead, for steps of up to `rows_max` rows, by trying them. Waits. Throws std::bad_alloc where
  /// scratch memory for that many rows is not free. Products that are captured already keep theirs.
  virtual void tune(const product&, std::uint32_t rows_max) = 0;
  /// True when a row's result is the same whoever stands beside it, and however many.
  virtual bool rows_are_independent() const = 0;
  virtual std::string description() const = 0;  ///< "cuBLASLt 13.0"
};

}  // namespace chromatin::gpu::cuda
