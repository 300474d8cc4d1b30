#include "gpu/cpu/onednn.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <string_view>
#include <tuple>
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

/// All kernels over so many inputs whose weights lie alike.
struct onednn_matmul::kernel_set {
  std::uint32_t k;
  type values;
  bool blocked = true;
  std::mutex mutex{};
  std::map<std::pair<std::uint32_t, std::uint32_t>, kernel> kernels{};  ///< by rows and outputs; guarded

  memory::desc describe_weights(std::uint32_t outputs) const {
    auto blocks = values == type::bf16 ? tag::BA16a64b2a : tag::BA16a64b;
    return {{k, outputs}, values, blocked ? blocks : tag::ba};
  }
  dnnl::matmul::primitive_desc describe(std::uint32_t rows, std::uint32_t outputs) const {
    memory::desc x{{rows, k}, values, tag::ab}, y{{rows, outputs}, type::f32, tag::ab};
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);  // oneDNN's own belongs to one thread
    return {dnnl::matmul::desc{x, describe_weights(outputs), y}, attributes, engine()};
  }
};

/// Whether the layout is fast depends on the outputs of a block, which all matrices but tiny ones have alike.
std::shared_ptr<onednn_matmul::kernel_set> onednn_matmul::kernels_of(std::uint32_t k, std::uint32_t outputs,
                                                                     memory::data_type values) {
  static std::mutex mutex;
  static std::map<std::tuple<std::uint32_t, std::uint32_t, type>, std::weak_ptr<kernel_set>> known;
  std::lock_guard lock{mutex};
  auto& place = known[{k, outputs, values}];
  auto set = place.lock();
  if (set) return set;
  set = std::shared_ptr<kernel_set>{new kernel_set{.k = k, .values = values}};
  set->blocked = std::string_view{set->describe(layout_rows, outputs).impl_info_str()}.starts_with("brg");
  place = set;
  return set;
}

onednn_matmul::onednn_matmul(std::uint32_t k, std::uint32_t n, bool bf16)
    : n_{n}, set_{kernels_of(k, std::min(n, block_outputs), bf16 ? type::bf16 : type::f32)} {}

bool onednn_matmul::lies_in_blocks() const { return set_->blocked; }

bool onednn_matmul::lies_in_pairs() const { return set_->blocked && set_->values == type::bf16; }

std::size_t onednn_matmul::packed_bytes() const { return set_->describe_weights(n_).get_size(); }

std::size_t onednn_matmul::block_bytes() const {
  return set_->blocked ? set_->describe_weights(block_outputs).get_size()
                       : std::size_t{block_outputs} * set_->k * memory::data_type_size(set_->values);
}

void onednn_matmul::pack(const void* rows, std::uint32_t outputs, bool rows_are_bf16, void* packed) const {
  // [n][k] in rows is [k][n] in columns; oneDNN's interface has no const, the source is only read.
  memory::desc as_rows{{set_->k, outputs}, rows_are_bf16 ? type::bf16 : type::f32, tag::ba};
  memory source{as_rows, engine(), const_cast<void*>(rows)};
  memory target{set_->describe_weights(outputs), engine(), packed};
  dnnl::stream stream{engine()};
  dnnl::reorder(source, target).execute(stream, source, target);
  stream.wait();
}

const onednn_matmul::kernel& onednn_matmul::kernel_for(std::uint32_t rows, std::uint32_t outputs) {
  std::lock_guard lock{set_->mutex};
  auto found = set_->kernels.find({rows, outputs});
  if (found == set_->kernels.end()) {
    auto chosen = set_->describe(rows, outputs);
    kernel made{dnnl::matmul{chosen}, chosen.src_desc(), chosen.weights_desc(), chosen.dst_desc(),
                chosen.scratchpad_desc()};
    found = set_->kernels.emplace(std::pair{rows, outputs}, std::move(made)).first;
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
