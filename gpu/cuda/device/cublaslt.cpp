#include "gpu/cuda/device/cublaslt.hpp"

#include <cstdlib>
#include <stdexcept>
#include <vector>

#include <dlfcn.h>

namespace chromatin::gpu::cuda {

namespace {

/// The system's own places first, then CUDA's.
std::vector<std::string> folders() {
  std::vector<std::string> found{""};
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char* folder = std::getenv(variable)) found.push_back(std::string{folder} + "/lib64/");
  found.push_back("/usr/local/cuda/lib64/");
  found.push_back(CHROMATIN_CUDA_LIBRARIES "/");  // beside nvcc when this was built
  return found;
}

void* open_library() {
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"})
    for (const auto& folder : folders())
      if (void* library = ::dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  throw std::runtime_error(
      "cuda: cuBLASLt is missing (no libcublasLt.so.13, .12 or .11 where the system looks for libraries, nor in lib64 "
      "of CUDA_HOME or /usr/local/cuda)");
}

template <typename Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  if (!function) throw std::runtime_error(std::string{"cuda: cuBLASLt has no "} + name);
}

}  // namespace

cublaslt::cublaslt() {
  auto* library = open_library();
  find(library, "cublasLtGetVersion", get_version);
  find(library, "cublasLtGetStatusName", get_status_name);
  find(library, "cublasLtCreate", create);
  find(library, "cublasLtDestroy", destroy);
  find(library, "cublasLtMatmul", matmul);
  find(library, "cublasLtMatmulDescCreate", matmul_desc_create);
  find(library, "cublasLtMatmulDescDestroy", matmul_desc_destroy);
  find(library, "cublasLtMatmulDescSetAttribute", matmul_desc_set_attribute);
  find(library, "cublasLtMatrixLayoutCreate", matrix_layout_create);
  find(library, "cublasLtMatrixLayoutDestroy", matrix_layout_destroy);
  find(library, "cublasLtMatmulPreferenceCreate", matmul_preference_create);
  find(library, "cublasLtMatmulPreferenceDestroy", matmul_preference_destroy);
  find(library, "cublasLtMatmulPreferenceSetAttribute", matmul_preference_set_attribute);
  find(library, "cublasLtMatmulAlgoGetHeuristic", matmul_algo_get_heuristic);
  find(library, "cublasLtMatmulAlgoCheck", matmul_algo_check);
}

std::string cublaslt::name() const {
  auto version = get_version();
  return "cuBLASLt " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace chromatin::gpu::cuda
