#include "gpu/cpu/onednn.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "gpu/cpu/matmul_library.hpp"

namespace chromatin::gpu {
namespace {

using dnnl::memory;
using type = memory::data_type;
using tag = memory::format_tag;

/// The row count by which the layout is judged: prefill is where packing matters most.
constexpr std::uint32_t layout_rows = 512;

const dnnl::engine& engine() {
  static const dnnl::engine cpu{dnnl::engine::kind::cpu, 0};
  return cpu;
}

}  // namespace

bool has_bf16_matmul() {
  auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

std::string matmul_description() {
  const auto* v = dnnl::version();
  return fmt::format("oneDNN {}.{}.{}", v->major, v->minor, v->patch);
}

onednn_matmul::room::room() : stream_{engine()} {}

onednn_matmul::room::call& onednn_matmul::room::call_for(const kernel& what) {
  auto& found = calls_[&what];
  if (found.arguments.empty()) {
    auto nowhere = [](const memory::desc& as) { return memory{as, engine(), DNNL_MEMORY_NONE}; };
    found.arguments = {{DNNL_ARG_SRC, nowhere(what.x)},
                       {DNNL_ARG_WEIGHTS, nowhere(what.weights)},
                       {DNNL_ARG_DST, nowhere(what.y)},
                       {DNNL_ARG_SCRATCHPAD, nowhere(what.scratchpad)}};
  }
  return found;
}

onednn_matmul::onednn_matmul(std::uint32_t k, std::uint32_t n, bool bf16)
    : k_{k}, n_{n}, type_{bf16 ? type::bf16 : type::f32} {
  blocked_ = std::string_view{describe(layout_rows, std::min(n, block_outputs)).impl_info_str()}.starts_with("brg");
}

memory::desc onednn_matmul::describe_weights(std::uint32_t outputs) const {
  auto blocks = type_ == type::bf16 ? tag::BA16a64b2a : tag::BA16a64b;
  return {{k_, outputs}, type_, blocked_ ? blocks : tag::ba};
}

dnnl::matmul::primitive_desc onednn_matmul::describe(std::uint32_t rows, std::uint32_t outputs) const {
  memory::desc x{{rows, k_}, type_, tag::ab}, y{{rows, outputs}, type::f32, tag::ab};
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);  // oneDNN's own belongs to one thread
  return {dnnl::matmul::desc{x, describe_weights(outputs), y}, attributes, engine()};
}

std::size_t onednn_matmul::block_bytes() const {
  return blocked_ ? describe_weights(block_outputs).get_size()
                  : std::size_t{block_outputs} * k_ * memory::data_type_size(type_);
}

void onednn_matmul::pack(const void* rows, bool rows_are_bf16, void* packed) const {
  // [n][k] in rows is [k][n] in columns; oneDNN's interface has no const, the source is only read.
  memory source{{{k_, n_}, rows_are_bf16 ? type::bf16 : type::f32, tag::ba}, engine(), const_cast<void*>(rows)};
  memory target{describe_weights(n_), engine(), packed};
  dnnl::stream stream{engine()};
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

const onednn_matmul::kernel& onednn_matmul::kernel_for(std::uint32_t rows, std::uint32_t outputs) {
  auto found = kernels_.find({rows, outputs});
  if (found == kernels_.end()) {
    auto chosen = describe(rows, outputs);
    kernel made{dnnl::matmul{chosen}, chosen.src_desc(), chosen.weights_desc(), chosen.dst_desc(),
                chosen.scratchpad_desc()};
    found = kernels_.emplace(std::pair{rows, outputs}, std::move(made)).first;
  }
  return found->second;
}

void onednn_matmul::run(const kernel& what, const void* x, const void* packed, float* y, room& of) {
  of.scratchpad_.resize(std::max(of.scratchpad_.size(), what.scratchpad.get_size()));
  auto& call = of.call_for(what);
  // oneDNN's interface has no const; what is multiplied is only read.
  auto point = [&](int argument, const void* at) {
    call.arguments.at(argument).set_data_handle(const_cast<void*>(at));
  };
  if (std::exchange(call.weights, packed) != packed) point(DNNL_ARG_WEIGHTS, packed);
  point(DNNL_ARG_SRC, x);
  point(DNNL_ARG_DST, y);
  point(DNNL_ARG_SCRATCHPAD, of.scratchpad_.data());
  what.run.execute(of.stream_, call.arguments);
}

}  // namespace chromatin::gpu
