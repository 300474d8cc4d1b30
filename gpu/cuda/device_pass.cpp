#include "gpu/cuda/device_pass.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace chromatin::gpu::cuda {
namespace {

/// Rows of a product whose results must not depend on how many there are.
constexpr std::uint32_t fixed_rows = 64;
/// Decode steps are captured for contexts of whole multiples of this, so that a capture serves for a while.
constexpr std::uint32_t captured_tokens = 4 * split_tokens_most;
constexpr std::size_t graphs_max = 64;

std::uint32_t round_up(std::uint32_t value, std::uint32_t to) { return (value + to - 1) / to * to; }

/// What attention_prefill needs for any of the pieces: when sequences leave a step, fewer pieces of shorter histories
/// may split, and need more than all did.
std::size_t prefill_floats_of_any_part(std::size_t pieces, std::size_t context_max, std::size_t heads,
                                       std::size_t head_dim) {
  std::size_t most = 0;
  for (std::size_t some = 1; some <= pieces; ++some)
    for (std::size_t context = context_max % prefill_part_tokens; context <= context_max;
         context += prefill_part_tokens)
      most = std::max(most, prefill_scratch_floats(some, context, heads, head_dim));
  return most;
}

std::uint32_t qkv_columns(const model::config& c) { return (c.heads + 2 * c.kv_heads) * c.head_dim; }

}  // namespace

device_pass::activations::activations(runtime& on, const model::config& c, std::size_t rows)
    : hidden{on, rows * c.hidden},
      normed{on, rows * c.hidden},
      qkv{on, rows * qkv_columns(c)},
      attended{on, rows * c.heads * c.head_dim},
      gate_up{on, rows * 2 * c.ffn},
      activated{on, rows * c.ffn} {}

device_pass::device_pass(std::shared_ptr<const model::checkpoint> checkpoint, runtime& on, const cuda_options& options)
    : checkpoint_{std::move(checkpoint)},
      config_{checkpoint_->config},
      geometry_{config_.cache_geometry(kv::dtype::bf16)},
      on_{on},
      kernels_{on.kernels()},
      fixed_order_{options.deterministic},
      rows_max_{options.step_tokens_max},
      weights_{*checkpoint_, on},
      at_{on, config_, round_up(rows_max_, fixed_rows)},
      compute_{on.make_stream(true)},
      uploaded_{on},
      turns_{on, std::size_t{rows_max_} * config_.heads} {
  const auto zeros = device_array<std::uint32_t>::pinned(on_, turns_.size());
  std::fill_n(zeros.data(), zeros.size(), 0u);
  on_.copy(compute_, turns_.data(), zeros.data(), zeros.size() * sizeof(std::uint32_t));
  tune(rows_max_);
  on_.synchronize(compute_);
}

device_pass::~device_pass() {
  on_.synchronize(compute_);
  forget_graphs();
  on_.destroy(compute_);
}

std::vector<product> device_pass::products_of(const device_layer& l) const {
  const auto attended = config_.heads * config_.head_dim;
  return {
      {.weights = l.qkv.data(), .outputs = qkv_columns(config_), .inputs = config_.hidden},
      {.weights = l.output.data(), .outputs = config_.hidden, .inputs = attended, .result = product::into::float_sums},
      {.weights = l.gate_up.data(), .outputs = 2 * config_.ffn, .inputs = config_.hidden},
      {.weights = l.down.data(),
       .outputs = config_.hidden,
       .inputs = config_.ffn,
       .result = product::into::float_sums}};
}

product device_pass::head_product() const {
  return {.weights = weights_.head(),
          .outputs = config_.vocabulary,
          .inputs = config_.hidden,
          .result = product::into::floats};
}

void device_pass::tune(std::uint32_t rows_max) {
  const auto rows = fixed_order_ ? fixed_rows : rows_max;
  for (const auto& p : products_of(weights_.layers.front())) on_.multiplier().tune(p, rows);
  on_.multiplier().tune(head_product(), fixed_order_ ? fixed_rows : 1);
}

void device_pass::multiply(const product& by, const void* x, std::uint32_t rows, void* y) {
  if (!fixed_order_ || on_.multiplier().rows_are_independent())
    return on_.multiplier().multiply(compute_, by, x, rows, y);
  const auto bytes = by.result == product::into::bf16 ? sizeof(std::uint16_t) : sizeof(float);
  for (std::size_t first = 0; first < rows; first += fixed_rows)
    on_.multiplier().multiply(compute_, by, static_cast<const std::uint16_t*>(x) + first * by.inputs, fixed_rows,
                              static_cast<std::byte*>(y) + first * by.outputs * bytes);
}

void device_pass::plan(const step& of, bool first_of_step) {
  plan_ = plan_step(of, {.context = config_.context,
                         .rows_max = rows_max_,
                         .prefill_rows = kernels_.prefill_rows,
                         .chunk_bytes = geometry_.chunk_bytes(),
                         .one_kernel = fixed_order_});
  logits_row_.assign(of.sequences().size(), 0);
  std::uint32_t logits_rows = 0;
  for (std::size_t i = 0; i < logits_row_.size(); ++i)
    if (of.needs_logits(i)) logits_row_[i] = logits_rows++;

  const bool moved = uploaded_.send(plan_, compute_, first_of_step);
  context_of_single_ = round_up(plan_.context_of_single, captured_tokens);
  const bool grew = first_of_step && make_room();
  if (moved || grew) forget_graphs();
}

/// True when something moved. Nothing in flight uses what grows: the step before has ended.
bool device_pass::make_room() {
  bool moved = false;
  auto grow = [&]<class T>(device_array<T>& array, std::size_t size, bool in_host = false) {
    if (array.size() >= size) return;
    size = std::bit_ceil(size);
    array = in_host ? device_array<T>::pinned(on_, size) : device_array<T>{on_, size};
    moved = true;
  };
  grow(scratch_, attention_scratch_floats(plan_.single.size(), context_of_single_, config_.heads, config_.head_dim));
  grow(prefill_scratch_,
       prefill_floats_of_any_part(plan_.many.size(), plan_.context_of_many, config_.heads, config_.head_dim));
  // As much as one conversation of the longest context needs; steps with more rotate in each block.
  if (plan_.rotated_pages <= kv::chunks_for(std::max(config_.context, rows_max_)))
    grow(rotated_, plan_.rotated_pages * rotated_page_values());
  const auto rows = static_cast<std::uint32_t>(plan_.last_rows.size());
  const auto logits = std::size_t{fixed_order_ ? round_up(rows, fixed_rows) : rows} * config_.vocabulary;
  grow(logits_, logits);
  grow(host_logits_, logits, true);
  grow(candidates_, std::size_t{rows} * candidates_max);
  grow(host_candidates_, std::size_t{rows} * candidates_max, true);
  grow(summaries_, rows);
  grow(host_summaries_, rows, true);
  return moved;
}

/// Where keys are rotated once for all blocks, which is faster even where one block reads a key; null where each block
/// rotates its own, with the same results: when the step has no room for more, also once sequences were dropped.
std::uint16_t* device_pass::rotated_keys() {
  if (plan_.many.empty() || rotated_.size() < plan_.rotated_pages * rotated_page_values()) return nullptr;
  return rotated_.data();
}

std::size_t device_pass::rotated_page_values() const {
  return std::size_t{config_.kv_heads} * page_tokens * config_.head_dim;
}

void device_pass::begin(const step& of) {
  plan(of, true);
  embed();
}

void device_pass::leave_out_dropped(const step& of) { plan(of, false); }

void device_pass::embed() {
  kernels_.embed(compute_, weights_.embedding.data(), config_.vocabulary, config_.hidden, uploaded_.tokens(),
                 plan_.rows(), at_.hidden.data());
}

attention_shape device_pass::shape_of(std::uint32_t layer) const {
  return {.heads = config_.heads,
          .kv_heads = config_.kv_heads,
          .head_dim = config_.head_dim,
          .keys_offset = geometry_.slice(layer).offset_bytes,
          .values_offset = geometry_.values_offset_bytes(),
          .cosines = weights_.cosines.data(),
          .sines = weights_.sines.data(),
          .scale = 1 / std::sqrt(static_cast<float>(config_.head_dim))};
}

void device_pass::attend(const attention_shape& shape) {
  attention_args args{.batch = uploaded_.batch(),
                      .shape = shape,
                      .qkv = at_.qkv.data(),
                      .out = at_.attended.data(),
                      .scratch = scratch_.data(),
                      .turns = turns_.data()};
  if (!plan_.many.empty()) {
    args.pieces = uploaded_.many();
    args.piece_count = static_cast<std::uint32_t>(plan_.many.size());
    args.context_max = plan_.context_of_many;
    args.scratch = prefill_scratch_.data();
    args.history_max = plan_.history_of_many;
    args.rotated_keys = rotated_keys();
    kernels_.attention_prefill(compute_, args);
    args.rotated_keys = nullptr;
    args.scratch = scratch_.data();
  }
  if (!plan_.single.empty()) {
    args.pieces = uploaded_.single();
    args.piece_count = static_cast<std::uint32_t>(plan_.single.size());
    args.context_max = context_of_single_;
    kernels_.attention_decode(compute_, args);
  }
}

void device_pass::layer(std::uint32_t l) {
  const auto& w = weights_.layers.at(l);
  const auto rows = plan_.rows();
  if (rows == 0) return;
  const auto shape = shape_of(l);
  const auto by = products_of(w);
  auto norm = [&](const device_array<float>& gain) {
    kernels_.rms_norm(compute_, at_.hidden.data(), gain.data(), config_.rms_norm_eps, config_.hidden, nullptr, rows,
                      at_.normed.data());
  };
  norm(w.attention_norm);
  multiply(by[0], at_.normed.data(), rows, at_.qkv.data());
  kernels_.store(compute_, uploaded_.batch(), shape, w.qkv_bias.data(), at_.qkv.data(), rotated_keys());
  attend(shape);
  multiply(by[1], at_.attended.data(), rows, at_.hidden.data());
  norm(w.ffn_norm);
  multiply(by[2], at_.normed.data(), rows, at_.gate_up.data());
  kernels_.silu_mul(compute_, at_.gate_up.data(), config_.ffn, rows, at_.activated.data());
  multiply(by[3], at_.activated.data(), rows, at_.hidden.data());
}

void device_pass::compute_logits() {
  const auto rows = static_cast<std::uint32_t>(plan_.last_rows.size());
  if (rows == 0) return;
  kernels_.rms_norm(compute_, at_.hidden.data(), weights_.final_norm.data(), config_.rms_norm_eps, config_.hidden,
                    uploaded_.last_rows(), rows, at_.normed.data());
  multiply(head_product(), at_.normed.data(), rows, logits_.data());
}

void device_pass::head(const step& of) {
  compute_logits();
  logits_to_host(of);
}

void device_pass::logits_to_host(const step& of) {
  std::uint32_t shortlists = 0;
  for (std::size_t i = 0; i < of.sequences().size(); ++i) {
    if (!of.needs_logits(i)) continue;
    if (of.needs_whole_logits(i))
      fetch_logits(i);
    else
      ++shortlists;
  }
  if (shortlists == 0) return;
  const auto rows = static_cast<std::uint32_t>(plan_.last_rows.size());
  kernels_.candidates(compute_, logits_.data(), config_.vocabulary, rows, candidates_max,
                      uploaded_.inverse_temperatures(), candidates_.data(), summaries_.data());
  on_.copy(compute_, host_candidates_.data(), candidates_.data(), sizeof(candidate) * rows * candidates_max);
  on_.copy(compute_, host_summaries_.data(), summaries_.data(), sizeof(logits_summary) * rows);
}

void device_pass::fetch_logits(std::size_t sequence) {
  const auto at = std::size_t{logits_row_.at(sequence)} * config_.vocabulary;
  on_.copy(compute_, host_logits_.data() + at, logits_.data() + at, config_.vocabulary * sizeof(float));
}

void device_pass::whole(const step& of) {
  plan(of, true);
  if (plan_.decodes() && plan_.last_rows.size() == plan_.rows())
    launch_graph();
  else
    enqueue_all();
  logits_to_host(of);
}

void device_pass::enqueue_all() {
  embed();
  for (std::uint32_t l = 0; l < config_.layers; ++l) layer(l);
  compute_logits();
}

void device_pass::launch_graph() {
  const graph_key key{plan_.rows(), context_of_single_};
  auto found = graphs_.find(key);
  if (found == graphs_.end()) {
    if (graphs_.size() == graphs_max) forget_graphs();
    on_.begin_capture(compute_);
    enqueue_all();
    auto captured = on_.end_capture(compute_);
    if (!captured) return enqueue_all();
    found = graphs_.emplace(key, captured).first;
  }
  on_.launch(compute_, found->second);
}

void device_pass::forget_graphs() {
  for (auto& [key, captured] : graphs_) on_.destroy(captured);
  graphs_.clear();
}

model::shortlist device_pass::likeliest(std::size_t sequence) {
  const auto row = logits_row_.at(sequence);
  const auto& all = host_summaries_.data()[row];
  const auto* first = host_candidates_.data() + std::size_t{row} * candidates_max;
  likeliest_.clear();
  for (std::uint32_t i = 0; i < std::min(candidates_max, config_.vocabulary); ++i)
    likeliest_.emplace_back(first[i].logit, first[i].token);
  return {.likeliest = likeliest_,
          .vocabulary = config_.vocabulary,
          .finite = all.broken == 0,
          .sum = all.sum,
          .tempered_sum = all.tempered_sum};
}

std::span<const float> device_pass::logits(std::size_t sequence) const {
  return {host_logits_.data() + std::size_t{logits_row_.at(sequence)} * config_.vocabulary, config_.vocabulary};
}

}  // namespace chromatin::gpu::cuda
