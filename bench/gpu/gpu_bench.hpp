#pragma once

/// chromatin bench gpu: how far the CUDA executor is from what the machine can do.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/gpu/report.hpp"
#include "gpu/cuda/runtime.hpp"

namespace chromatin::bench {

/// In tokens where nothing else is said. Tests choose tiny ones.
struct gpu_bench_sizes {
  std::vector<std::uint32_t> prefills{512, 2048, 8192};  ///< of a step each
  std::uint32_t decode_context = 2048, decode_tokens = 64;
  std::vector<std::uint32_t> decode_batches{1, 8, 32};
  std::uint32_t history = 2048;                                       ///< that is loaded and saved
  std::uint32_t turn_history = 1900, turn_new = 100;                  ///< of a turn that comes back
  std::uint32_t long_history = 32768;                                 ///< of another
  std::vector<std::uint32_t> attention_prefills{2048, 8192};          ///< rows
  std::vector<std::uint32_t> attention_decodes{2048, 32768};          ///< keys
  std::vector<std::uint32_t> product_rows{1, 8, 32, 100, 512, 2048};  ///< of the model's products
  std::uint32_t rows = 8192;                                          ///< of the small kernels
  std::uint32_t product = 8192;                                       ///< rows, inputs and outputs of the large product
  std::size_t copy_bytes = std::size_t{1} << 30;
};

struct gpu_bench_options {
  std::string shape = "llama-7b";
  gpu_bench_sizes sizes;
  int repeats = 5;
  std::vector<std::string> only;  ///< of gpu_bench_parts(); empty: all

  bool wants(const std::string& part) const;
};

const std::vector<std::string>& gpu_bench_parts();

/// Throws std::runtime_error when the device fails.
void bench_gpu(const std::shared_ptr<gpu::cuda::runtime>& device, const gpu_bench_options& options, report& to);

}  // namespace chromatin::bench
