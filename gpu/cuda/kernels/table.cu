/// The table of launchers, of the device or emulated.

#include "gpu/cuda/kernels/launchers.cuh"

#ifdef CHROMATIN_EMULATED
#include "gpu/cuda/emulated/kernels.hpp"
#endif

namespace chromatin::gpu::cuda {
namespace {

const kernel_table& table(const char* name) {
  static const kernel_table the_table{.name = name,
                                      .embed = embed,
                                      .rms_norm = rms_norm,
                                      .store = store,
                                      .attention_prefill = attention_prefill,
                                      .attention_decode = attention_decode,
                                      .prefill_rows = attention_prefill_rows,
                                      .silu_mul = silu_mul,
                                      .argmax = argmax,
                                      .checksum = checksum,
                                      .pack = pack,
                                      .unpack = unpack,
                                      .candidates = candidates,
                                      .multiply_few = multiply_few};
  return the_table;
}

}  // namespace

#ifdef CHROMATIN_EMULATED
const kernel_table& emulated_kernels() { return table("emulated"); }
#else
const kernel_table* device_kernels() { return &table("cuda"); }
#endif

}  // namespace chromatin::gpu::cuda
