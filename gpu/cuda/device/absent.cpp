#include <stdexcept>

#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

const kernel_table* device_kernels() { return nullptr; }

std::shared_ptr<runtime> open_device(const device_options&) {
  throw std::runtime_error(
      "cuda: no device (this chromatin was built without nvcc; build it where nvcc is on the PATH)");
}

}  // namespace chromatin::gpu::cuda
