#include "gpu/cpu/kernels.hpp"

#include <cstdlib>
#include <string_view>

namespace chromatin::gpu {

const kernel_table& kernels() {
  static const kernel_table& best = [&]() -> const kernel_table& {
    const char* cap = std::getenv("CHROMATIN_ISA");
    std::string_view at_most = cap ? cap : "avx512_bf16";
    if (at_most == "avx512_bf16" && __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16"))
      return kernels_avx512_bf16;
    if (at_most.starts_with("avx512") && __builtin_cpu_supports("x86-64-v4")) return kernels_avx512;
    if (at_most != "generic" && __builtin_cpu_supports("x86-64-v3")) return kernels_avx2;
    return kernels_generic;
  }();
  return best;
}

}  // namespace chromatin::gpu
