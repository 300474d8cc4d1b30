#include "gpu/cpu/quant_kernels.inl"

namespace chromatin::gpu {

const quant_kernel_table quant_kernels_avx512{"avx512", read_f32, read_bf16, dot, unpack_bf16, unpack_f32};

}  // namespace chromatin::gpu
