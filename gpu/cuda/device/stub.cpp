#include "gpu/cuda/kernels.hpp"
namespace chromatin::gpu::cuda {
const kernel_table* device_kernels() { return nullptr; }
}  // namespace chromatin::gpu::cuda
