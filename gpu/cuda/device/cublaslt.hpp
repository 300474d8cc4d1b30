#pragma once

/// cuBLASLt, found when the program runs: it has half a gigabyte, and the program starts without it.

#include <string>

#include <cublasLt.h>

namespace chromatin::gpu::cuda {

/// The functions that we use, under their own names without the prefix. The library stays loaded.
struct cublaslt {
  /// Throws std::runtime_error with one line when it is missing.
  cublaslt();

  /// "cuBLASLt 13.1.0"
  std::string name() const;

  decltype(&::cublasLtGetVersion) get_version;
  decltype(&::cublasLtGetStatusName) get_status_name;
  decltype(&::cublasLtCreate) create;
  decltype(&::cublasLtDestroy) destroy;
  decltype(&::cublasLtMatmul) matmul;
  decltype(&::cublasLtMatmulDescCreate) matmul_desc_create;
  decltype(&::cublasLtMatmulDescDestroy) matmul_desc_destroy;
  decltype(&::cublasLtMatmulDescSetAttribute) matmul_desc_set_attribute;
  decltype(&::cublasLtMatrixLayoutCreate) matrix_layout_create;
  decltype(&::cublasLtMatrixLayoutDestroy) matrix_layout_destroy;
  decltype(&::cublasLtMatmulPreferenceCreate) matmul_preference_create;
  decltype(&::cublasLtMatmulPreferenceDestroy) matmul_preference_destroy;
  decltype(&::cublasLtMatmulPreferenceSetAttribute) matmul_preference_set_attribute;
  decltype(&::cublasLtMatmulAlgoGetHeuristic) matmul_algo_get_heuristic;
  decltype(&::cublasLtMatmulAlgoCheck) matmul_algo_check;
};

}  // namespace chromatin::gpu::cuda
