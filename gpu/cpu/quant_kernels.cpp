#include "gpu/cpu/quant_kernels.hpp"

#include <cstdlib>
#include <string_view>

namespace chromatin::gpu {

const quant_kernel_table& quant_kernels() {
  static const quant_kernel_table best = [] {
    const char* cap = std::getenv("CHROMATIN_ISA");
    std::string_view at_most = cap ? cap : "avx512_bf16";
    if (at_most.starts_with("avx512") && __builtin_cpu_supports("x86-64-v4")) {
      if (at_most == "avx512") return quant_kernels_avx512;
      auto table = __builtin_cpu_supports("avx512bf16") ? quant_kernels_avx512_bf16 : quant_kernels_avx512;
      if (__builtin_cpu_supports("avx512vnni")) {
        table.name = "avx512_vnni";
        table.dot = dot_vnni;
      }
      return table;
    }
    if (at_most != "generic" && __builtin_cpu_supports("x86-64-v3")) return quant_kernels_avx2;
    return quant_kernels_generic;
  }();
  return best;
}

}  // namespace chromatin::gpu
