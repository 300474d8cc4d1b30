#pragma once

/// What multiplies many rows: oneDNN, or plain loops where the project is built without it (preset gpu-only).

#include <cstdint>
#include <string>

#ifdef CHROMATIN_GPU_ONLY
#include "gpu/cpu/plain/plain_matmul.hpp"
#else
#include "gpu/cpu/onednn.hpp"
#endif

namespace chromatin::gpu {

#ifdef CHROMATIN_GPU_ONLY
using library_matmul = plain_matmul;
#else
using library_matmul = onednn_matmul;
#endif

/// Outputs whose packed weights lie together.
inline constexpr std::uint32_t block_outputs = 64;

/// True where the library multiplies bf16 well on this processor: oneDNN in hardware (with its ONEDNN_MAX_CPU_ISA cap).
bool has_bf16_matmul();
std::string matmul_description();

}  // namespace chromatin::gpu
