#include "gpu/cpu/packed_matrix.hpp"

#include <algorithm>
#include <cstring>

#include <dnnl.hpp>
#include <fmt/format.h>
#include <omp.h>

namespace chromatin::gpu {
namespace {

using dnnl::memory;
using type = memory::data_type;
using tag = memory::format_tag;

const dnnl::engine& cpu() {
  static const dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  return engine;
}

/// The row count whose best layout is used for all: prefill is where packing matters most.
constexpr memory::dim layout_rows = 512;

}  // namespace

bool has_bf16_matmul() {
  auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

std::string matmul_description() {
  const auto* v = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

std::uint32_t padded_rows(std::uint32_t rows) {
  if (rows <= 4) return rows;
  if (rows <= 16) return (rows + 3) / 4 * 4;
  if (rows <= 128) return (rows + 15) / 16 * 16;
  return (rows + 63) / 64 * 64;
}

struct packed_matrix::kernels {
  struct made {
    dnnl::matmul run;
    memory x, y;
  };
  dnnl::stream stream{cpu()};
  memory weights;
  std::map<std::pair<std::uint32_t, int>, made> by_rows_and_threads;
};

packed_matrix::packed_matrix(const std::vector<const model::tensor*>& parts, bool bf16)
    : bf16_{bf16}, kernels_{std::make_unique<kernels>()} {
  k_ = static_cast<std::uint32_t>(parts.at(0)->shape.at(1));
  for (const auto* part : parts) n_ += static_cast<std::uint32_t>(part->shape.at(0));
  bool stored_bf16 =
      std::all_of(parts.begin(), parts.end(), [](const auto* part) { return part->type == model::element::bf16; });
  std::size_t element_bytes = stored_bf16 ? 2 : 4;
  std::vector<std::byte> stacked(std::size_t{n_} * k_ * element_bytes);
  auto* to = stacked.data();
  for (const auto* part : parts) {
    if (stored_bf16)
      std::memcpy(to, part->bytes.data(), part->bytes.size());
    else
      model::to_f32(*part, {reinterpret_cast<float*>(to), part->size()});
    to += part->size() * element_bytes;
  }
  memory::dim n = n_, k = k_;
  auto compute = bf16 ? type::bf16 : type::f32;
  dnnl::matmul::desc wanted{
      {{layout_rows, k}, compute, tag::ab}, {{k, n}, compute, tag::any}, {{layout_rows, n}, type::f32, tag::ab}};
  auto layout = dnnl::matmul::primitive_desc(wanted, cpu()).weights_desc();
  // [n][k] in rows is [k][n] in columns.
  memory source{{{k, n}, stored_bf16 ? type::bf16 : type::f32, tag::ba}, cpu(), stacked.data()};
  kernels_->weights = memory{layout, cpu()};
  dnnl::reorder(source, kernels_->weights).execute(kernels_->stream, source, kernels_->weights);
  kernels_->stream.wait();
}

packed_matrix::~packed_matrix() = default;
packed_matrix::packed_matrix(packed_matrix&&) noexcept = default;

void packed_matrix::multiply(const void* x, std::uint32_t rows, float* y) {
  auto m = padded_rows(rows);
  std::pair shape{m, omp_get_max_threads()};  // oneDNN divides the work when a kernel is made
  auto found = kernels_->by_rows_and_threads.find(shape);
  if (found == kernels_->by_rows_and_threads.end()) {
    memory::desc x_desc{{m, k_}, bf16_ ? type::bf16 : type::f32, tag::ab}, y_desc{{m, n_}, type::f32, tag::ab};
    dnnl::matmul::primitive_desc made{dnnl::matmul::desc{x_desc, kernels_->weights.get_desc(), y_desc}, cpu()};
    kernels::made entry{dnnl::matmul{made}, memory{x_desc, cpu(), DNNL_MEMORY_NONE},
                        memory{y_desc, cpu(), DNNL_MEMORY_NONE}};
    found = kernels_->by_rows_and_threads.emplace(shape, std::move(entry)).first;
  }
  auto& k = found->second;
  k.x.set_data_handle(const_cast<void*>(x));  // oneDNN's interface has no const; the source is only read
  k.y.set_data_handle(y);
  k.run.execute(kernels_->stream, {{DNNL_ARG_SRC, k.x}, {DNNL_ARG_WEIGHTS, kernels_->weights}, {DNNL_ARG_DST, k.y}});
  kernels_->stream.wait();
}

}  // namespace chromatin::gpu
