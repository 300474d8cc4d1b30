#include "gpu/cpu/onednn.hpp"

#include <string_view>

#include <omp.h>

namespace chromatin::gpu {
namespace {

using dnnl::memory;
using type = memory::data_type;
using tag = memory::format_tag;

/// The row count whose best layout is used for all: prefill is where packing matters most.
constexpr std::uint32_t layout_rows = 512;

}  // namespace

const dnnl::engine& onednn_matmul::engine() {
  static const dnnl::engine cpu{dnnl::engine::kind::cpu, 0};
  return cpu;
}

onednn_matmul::onednn_matmul(std::uint32_t k, std::uint32_t n, bool bf16, bool pairs_of_64,
                             std::span<const float> column_scales)
    : k_{k}, n_{n}, type_{bf16 ? type::bf16 : type::f32}, stream_{engine()} {
  if (!column_scales.empty()) attributes_.set_output_scales(2, {column_scales.begin(), column_scales.end()});
  memory::dims shape{k_, n_};
  if (pairs_of_64) {
    auto chosen = describe(layout_rows, {shape, type_, tag::BA16a64b2a});
    lies_in_pairs_ = std::string_view{chosen.impl_info_str()}.starts_with("brg");
    layout_ = chosen.weights_desc();
  }
  if (!lies_in_pairs_) layout_ = describe(layout_rows, {shape, type_, tag::any}).weights_desc();
}

dnnl::matmul::primitive_desc onednn_matmul::describe(std::uint32_t rows, const memory::desc& weights) const {
  memory::desc x{{rows, k_}, type_, tag::ab}, y{{rows, n_}, type::f32, tag::ab};
  return {dnnl::matmul::desc{x, weights, y}, attributes_, engine()};
}

void onednn_matmul::pack(const void* rows, bool rows_are_bf16, void* packed) const {
  // [n][k] in rows is [k][n] in columns; oneDNN's interface has no const, the source is only read.
  memory source{{{k_, n_}, rows_are_bf16 ? type::bf16 : type::f32, tag::ba}, engine(), const_cast<void*>(rows)};
  memory target{layout_, engine(), packed};
  dnnl::stream stream{engine()};
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

onednn_matmul::made& onednn_matmul::kernel_for(std::uint32_t rows) {
  std::pair shape{rows, omp_get_max_threads()};  // oneDNN divides the work when a kernel is made
  auto found = by_rows_and_threads_.find(shape);
  if (found == by_rows_and_threads_.end()) {
    auto chosen = describe(rows, layout_);
    made entry{dnnl::matmul{chosen}, memory{chosen.src_desc(), engine(), DNNL_MEMORY_NONE},
               memory{layout_, engine(), DNNL_MEMORY_NONE}, memory{chosen.dst_desc(), engine(), DNNL_MEMORY_NONE}};
    found = by_rows_and_threads_.emplace(shape, std::move(entry)).first;
  }
  return found->second;
}

void onednn_matmul::run(const void* x, const void* packed, float* y, std::uint32_t rows) {
  auto& kernel = kernel_for(rows);
  kernel.x.set_data_handle(const_cast<void*>(x));
  kernel.weights.set_data_handle(const_cast<void*>(packed));
  kernel.y.set_data_handle(y);
  kernel.run.execute(stream_, {{DNNL_ARG_SRC, kernel.x}, {DNNL_ARG_WEIGHTS, kernel.weights}, {DNNL_ARG_DST, kernel.y}});
  stream_.wait();
}

}  // namespace chromatin::gpu
