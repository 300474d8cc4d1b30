#include "gpu/cuda/emulated/kernels.hpp"

namespace chromatin::gpu::cuda {

const kernel_table& emulated_kernels() {
  static const kernel_table table{};
  return table;
}

}  // namespace chromatin::gpu::cuda
