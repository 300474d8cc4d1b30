#include <stdexcept>

#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

const kernel_table* device_kernels() { return nullptr; }

std::shared_ptr<runtime> open_device(std::uint32_t) {
  throw std::runtime_error("cuda: this chromatin was built without nvcc; build it where nvcc is on the PATH");
}

}  // namespace chromatin::gpu::cuda
