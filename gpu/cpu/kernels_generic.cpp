#include "gpu/cpu/kernels.inl"

namespace chromatin::gpu {

const kernel_table kernels_generic{"generic", rms_norm,  silu_mul,   gelu_mul,     add,     soft_cap, rotate,
                                   to_bf16,   attention, widen_int8, dot_f32_int8, nullptr, nullptr};

}  // namespace chromatin::gpu
