#pragma once

/// Matrix products of a device: by cuBLASLt, and by our own kernel for few rows where that is faster.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "gpu/cuda/device/first_error.hpp"
#include "gpu/cuda/products.hpp"

namespace chromatin::gpu::cuda {

struct cuda_products_options {
  int device = 0;
  std::string machine;          ///< the device and its driver, on which the fastest algorithm depends
  std::size_t cache_bytes = 0;  ///< the device's second-level cache, which is emptied between two measurements
  std::filesystem::path algorithms;
};

/// Throws std::runtime_error with one line where there is no cuBLASLt. What fails later goes to `errors`.
std::unique_ptr<products> make_cuda_products(const cuda_products_options&, first_error& errors);

}  // namespace chromatin::gpu::cuda
