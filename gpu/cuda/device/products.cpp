#include "gpu/cuda/device/products.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#include "gpu/cuda/device/algorithms.hpp"
#include "gpu/cuda/device/cublaslt.hpp"
#include "gpu/cuda/device/memory.hpp"
#include "gpu/cuda/device/trial.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

namespace {

constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
constexpr std::uint32_t alignment_bytes = 16;
constexpr int ways_tried_max = 12;
/// Increased when multiply_few becomes faster or slower: choices between it and the library are then made again.
constexpr const char* own_kernel = "multiply_few 1";

static_assert(sizeof(cublasLtMatmulAlgo_t) == sizeof(algorithm_words));

algorithm_words words_of(const cublasLtMatmulAlgo_t& algorithm) {
  algorithm_words words;
  std::memcpy(words.data(), &algorithm, sizeof words);
  return words;
}

cublasLtMatmulAlgo_t algorithm_of(const algorithm_words& words) {
  cublasLtMatmulAlgo_t algorithm;
  std::memcpy(&algorithm, words.data(), sizeof algorithm);
  return algorithm;
}

/// 1, 2, 4, … and `rows_max` itself.
std::vector<std::uint32_t> row_counts(std::uint32_t rows_max) {
  std::vector<std::uint32_t> counts;
  for (std::uint64_t rows = 1; rows < rows_max; rows *= 2) counts.push_back(static_cast<std::uint32_t>(rows));
  counts.push_back(rows_max);
  return counts;
}

std::size_t result_bytes(product::into result) { return result == product::into::bf16 ? 2 : sizeof(float); }

template <typename Handle>
using owned = std::unique_ptr<std::remove_pointer_t<Handle>, cublasStatus_t (*)(Handle)>;

/// cuBLASLt counts a matrix's columns one after the other. So our weights [outputs][inputs] are to it a matrix of
/// `inputs` rows, which it transposes; x is one of `inputs` rows, y one of `outputs` rows, and our rows are its
/// columns.
struct layouts {
  owned<cublasLtMatrixLayout_t> weights, x, y;
};

struct plan {
  layouts shapes;
  algorithm_words algorithm;
};

class cuda_products final : public products {
 public:
  cuda_products(const cuda_products_options& options, first_error& errors)
      : options_{options},
        errors_{errors},
        choices_{options.algorithms, options.machine + ", " + lt_.name() + ", " + own_kernel},
        workspace_{device_memory(options.device, workspace_bytes)} {
    cublasLtHandle_t handle = nullptr;
    throw_unless(lt_.create(&handle), "cannot be opened");
    handle_ = {handle, lt_.destroy};
    describe();
  }

  void multiply(stream where, const product& p, const void* x, std::uint32_t rows, void* y) override {
    for (const auto* operand : {p.weights, x, static_cast<const void*>(y)})
      CHROMATIN_CHECK(reinterpret_cast<std::uintptr_t>(operand) % alignment_bytes == 0,
                      "operands of a product are aligned to 16 bytes");
    CHROMATIN_CHECK(rows > 0, "a product has rows");
    if (errors_.any()) return;
    std::lock_guard lock{mutex_};
    cudaSetDevice(options_.device);
    product_shape shape{p.outputs, p.inputs, p.result, rows};
    const auto& chosen = plan_for(shape);
    if (errors_.any()) return;
    auto status = run(chosen.shapes, chosen.algorithm, shape, p.weights, x, y, reinterpret_cast<cudaStream_t>(where));
    if (status != CUBLAS_STATUS_SUCCESS) errors_.note(std::string{lt_.get_status_name(status)} + ": " + name(shape));
  }

  void tune(const product& p, std::uint32_t rows_max) override {
    std::lock_guard lock{mutex_};
    cudaSetDevice(options_.device);
    std::vector<product_shape> untried;
    for (auto rows : row_counts(rows_max))
      if (product_shape shape{p.outputs, p.inputs, p.result, rows}; !choices_.has(shape)) untried.push_back(shape);
    if (untried.empty()) return;
    trial measure{options_.device, options_.cache_bytes, errors_};
    auto x = device_memory(options_.device, std::size_t{2} * rows_max * p.inputs);
    auto y = device_memory(options_.device, result_bytes(p.result) * rows_max * p.outputs);
    measure.fill(x);
    measure.fill(y);
    for (const auto& shape : untried) choose(measure, shape, p.weights, x.data.get(), y.data.get());
    choices_.save();
    std::erase_if(plans_, [&](const auto& known) { return known.first.same_but_rows(untried.front()); });
  }

  bool rows_are_independent() const override { return false; }  // the number of rows chooses the algorithm
  std::string description() const override { return lt_.name(); }

 private:
  void throw_unless(cublasStatus_t status, const char* what) const {
    if (status != CUBLAS_STATUS_SUCCESS)
      throw std::runtime_error("cuda: " + lt_.name() + " " + what + ": " + lt_.get_status_name(status));
  }

  /// What is the same for all shapes.
  void describe() {
    cublasLtMatmulDesc_t operation = nullptr;
    throw_unless(lt_.matmul_desc_create(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "has no float sums");
    operation_ = {operation, lt_.matmul_desc_destroy};
    auto transposed = CUBLAS_OP_T;
    throw_unless(lt_.matmul_desc_set_attribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed),
                 "cannot transpose");
    cublasLtMatmulPreference_t preference = nullptr;
    throw_unless(lt_.matmul_preference_create(&preference), "has no preferences");
    preference_ = {preference, lt_.matmul_preference_destroy};
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
    // Parts of a sum are kept as floats, also where the result is bf16.
    std::uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
    for (auto operand : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                         CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      prefer(operand, alignment_bytes);
  }

  template <typename T>
  void prefer(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
    throw_unless(lt_.matmul_preference_set_attribute(preference_.get(), attribute, &value, sizeof value),
                 "does not take a preference");
  }

  owned<cublasLtMatrixLayout_t> layout(cudaDataType_t type, std::uint32_t column, std::uint32_t columns) {
    cublasLtMatrixLayout_t made = nullptr;
    auto status = lt_.matrix_layout_create(&made, type, column, columns, column);
    if (status != CUBLAS_STATUS_SUCCESS) errors_.note(std::string{lt_.get_status_name(status)} + ": a matrix layout");
    return {made, lt_.matrix_layout_destroy};
  }

  layouts layouts_of(const product_shape& s) {
    auto result = s.result == product::into::bf16 ? CUDA_R_16BF : CUDA_R_32F;
    return {layout(CUDA_R_16BF, s.inputs, s.outputs), layout(CUDA_R_16BF, s.inputs, s.rows),
            layout(result, s.outputs, s.rows)};
  }

  /// What the library expects to be fast, the fastest first.
  std::vector<cublasLtMatmulAlgo_t> candidates(const layouts& l, int count) {
    std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(count));
    int found = 0;
    lt_.matmul_algo_get_heuristic(handle_.get(), operation_.get(), l.weights.get(), l.x.get(), l.y.get(), l.y.get(),
                                  preference_.get(), count, results.data(), &found);
    std::vector<cublasLtMatmulAlgo_t> usable;
    for (int i = 0; i < found; ++i)
      if (const auto& r = results[static_cast<std::size_t>(i)]; r.state == CUBLAS_STATUS_SUCCESS)
        usable.push_back(r.algo);
    return usable;
  }

  static bool few_rows(const product_shape& s) { return s.rows <= few_rows_max && s.inputs % 8 == 0; }

  bool accepts(const layouts& l, const product_shape& shape, const algorithm_words& words) {
    if (words == multiply_few_words) return few_rows(shape);
    auto algorithm = algorithm_of(words);
    cublasLtMatmulHeuristicResult_t result{};
    auto status = lt_.matmul_algo_check(handle_.get(), operation_.get(), l.weights.get(), l.x.get(), l.y.get(),
                                        l.y.get(), &algorithm, &result);
    return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_bytes;
  }

  const plan& plan_for(const product_shape& shape) {
    if (auto known = plans_.find(shape); known != plans_.end()) return known->second;
    plan made{layouts_of(shape), {}};
    auto choice = choices_.at_least(shape);
    if (choice && accepts(made.shapes, shape, *choice)) {
      made.algorithm = *choice;
    } else if (few_rows(shape)) {
      made.algorithm = multiply_few_words;
    } else if (auto expected = candidates(made.shapes, 1); !expected.empty()) {
      made.algorithm = words_of(expected.front());
    } else {
      errors_.note("cuBLASLt has no algorithm for " + name(shape));
    }
    return plans_.emplace(shape, std::move(made)).first->second;
  }

  cublasStatus_t run(const layouts& l, const algorithm_words& words, const product_shape& shape, const void* weights,
                     const void* x, void* y, cudaStream_t where) {
    if (words == multiply_few_words) {
      using bf16 = const std::uint16_t*;
      device_kernels()->multiply_few(reinterpret_cast<stream>(where), static_cast<bf16>(weights), shape.outputs,
                                     shape.inputs, static_cast<bf16>(x), shape.rows, shape.result, y);
      auto launched = errors_.passed(cudaGetLastError(), "multiplying few rows");
      return launched ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
    }
    const auto algorithm = algorithm_of(words);
    const float one = 1, before = shape.result == product::into::float_sums ? 1 : 0;
    return lt_.matmul(handle_.get(), operation_.get(), &one, weights, l.weights.get(), x, l.x.get(), &before, y,
                      l.y.get(), y, l.y.get(), &algorithm, workspace_.data.get(), workspace_bytes, where);
  }

  void choose(trial& measure, const product_shape& shape, const void* weights, const void* x, void* y) {
    auto l = layouts_of(shape);
    std::vector<algorithm_words> tried;
    if (few_rows(shape)) tried.push_back(multiply_few_words);
    for (const auto& algorithm : candidates(l, ways_tried_max)) tried.push_back(words_of(algorithm));
    std::optional<float> best_ms;
    for (const auto& algorithm : tried) {
      auto ms = measure.milliseconds(
          [&](cudaStream_t where) { return run(l, algorithm, shape, weights, x, y, where) == CUBLAS_STATUS_SUCCESS; });
      if (!ms || (best_ms && *best_ms <= *ms)) continue;
      best_ms = ms;
      choices_.put(shape, algorithm);
    }
  }

  static std::string name(const product_shape& s) {
    return "a product of " + std::to_string(s.rows) + " rows with a matrix of " + std::to_string(s.outputs) + " x " +
           std::to_string(s.inputs);
  }

  const cuda_products_options options_;
  first_error& errors_;
  const cublaslt lt_;
  std::mutex mutex_;
  algorithm_choices choices_;
  const kv::memory_block workspace_;
  owned<cublasLtHandle_t> handle_{nullptr, nullptr};
  owned<cublasLtMatmulDesc_t> operation_{nullptr, nullptr};
  owned<cublasLtMatmulPreference_t> preference_{nullptr, nullptr};
  std::map<product_shape, plan> plans_;
};

}  // namespace

std::unique_ptr<products> make_cuda_products(const cuda_products_options& options, first_error& errors) {
  return std::make_unique<cuda_products>(options, errors);
}

}  // namespace chromatin::gpu::cuda
