#include "gpu/cpu/forward_pass.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>
#include <omp.h>

namespace chromatin::gpu {
namespace {

/// Query rows (tokens × heads that share keys) of one piece of attention work.
constexpr std::uint32_t attention_rows = 128;
/// A step with fewer multiplications for each thread runs on one: handing pieces to others costs more than they do.
constexpr std::uint64_t thread_multiplications_min = 2000000;
/// Below this many values a piece of rows is not worth handing to another thread.
constexpr std::size_t piece_values_min = 16384;
/// Attention with fewer multiplications than this is not worth it either.
constexpr std::uint64_t attention_multiplications_min = 30000;

/// Of one token.
std::uint64_t multiplications_of(const layer_weights& layer, const model::config& c) {
  const auto& block = layer.blocks.front();
  auto blocks = layer.router ? c.experts_per_token : 1u;
  return layer.qkv.multiplications() + layer.output.multiplications() +
         blocks * (block.gate_up.multiplications() + block.down.multiplications());
}

float score_scale(const model::config& c) {
  return c.attention_scale > 0 ? c.attention_scale : 1.0f / std::sqrt(static_cast<float>(c.head_dim));
}

}  // namespace

forward_pass::forward_pass(std::shared_ptr<const model::checkpoint> checkpoint, const cpu_options& options)
    : checkpoint_{std::move(checkpoint)},
      config_{checkpoint_->config},
      geometry_{config_.cache_geometry(options.compute)},
      bf16_{options.compute == kv::dtype::bf16},
      deterministic_{options.deterministic},
      weights_{options.weights},
      threads_{options.threads ? options.threads : static_cast<std::uint32_t>(omp_get_num_procs())},
      score_scale_{score_scale(config_)},
      rows_max_{padded_rows(std::max(options.step_tokens_max, 16u))},
      kernels_{kernels()},
      packing_{checkpoint_, threads_, {options.before_packing, options.packing_failed}} {
  if (bf16_ && !has_bf16_matmul()) throw std::runtime_error("this processor does not multiply bf16; use --compute f32");
  make_matrices();
  rotation_ = model::make_rotary_table(config_);
  if (config_.has_local_rope()) local_rotation_ = model::make_rotary_table(config_, true);
  if (config_.experts > 0) experts_.emplace(config_, bf16_, kernels_);
  reserve();
  packing_.start();
}

/// What can be refused is refused here, and the memory is set aside; the weights are packed later.
void forward_pass::make_matrices() {
  matrix_options matrices{.bf16 = bf16_, .weights = weights_, .fixed_order = deterministic_, .threads = threads_};
  for (std::uint32_t l = 0; l < config_.layers; ++l) layers_.emplace_back(*checkpoint_, l, matrices, packing_);
  final_norm_ = gain_of(*checkpoint_, "model.norm.weight");
  for (auto& gain : final_norm_) gain *= config_.logit_scale;  // as good as scaling the logits, and cheaper
  std::string head = config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight";
  head_ = std::make_unique<packed_matrix>(std::vector{&checkpoint_->weights.as_stored(head)}, matrices);
  packing_.add(*head_, {head});
  packing_.end_part();

  weight_bytes_ = head_->bytes();
  for (const auto& layer : layers_) {
    token_multiplications_ += multiplications_of(layer, config_);
    if (layer.router) weight_bytes_ += layer.router->bytes();
    for (const auto* m : layer.matrices()) weight_bytes_ += m->bytes();
  }
}

/// Of rounded weights: root mean square, relative.
double forward_pass::rounding_error() {
  wait_for_weights(config_.layers);
  auto loss = head_->loss();
  for (const auto& layer : layers_)
    for (const auto* m : layer.matrices()) loss += m->loss();
  return loss.weights > 0 ? std::sqrt(loss.error / loss.weights) : 0;
}

void forward_pass::reserve() {
  std::size_t rows = rows_max_;
  auto q = std::size_t{config_.heads} * config_.head_dim;
  auto ffn = std::size_t{std::max(config_.ffn, config_.dense_ffn)};
  auto widest = std::max<std::size_t>({config_.hidden, q, ffn});
  hidden_.resize(rows * config_.hidden);
  qkv_.resize(rows * qkv_columns());
  result_.resize(rows * std::max<std::size_t>({2 * ffn, config_.hidden, config_.experts}));
  wide_.resize(bf16_ ? 0 : rows * widest);
  narrow_.resize(bf16_ ? rows * widest : 0);
  rooms_.resize(threads_);
  auto scratch = attention_scratch_floats(std::max(attention_rows, config_.group()), config_.head_dim);
  scratch_.assign(threads_, line_vector<float>(scratch));
}

std::string forward_pass::description() {
  auto text = fmt::format("cpu: {}, {}, own kernels {}, {} threads", matmul_description(), bf16_ ? "bf16" : "f32",
                          kernels_.name, threads_);
  if (weights_ != model::weight_kind::stored)
    text += fmt::format(", {} weights ({:.2f} % rounding error)", weights_ == model::weight_kind::int8 ? "int8" : "q4",
                        100 * rounding_error());
  if (deterministic_) text += ", deterministic";
  return text;
}

void forward_pass::check(const sequence_step& s) const {
  auto end = s.position + s.tokens.size();
  if (s.tokens.empty() || end > config_.context || !s.pages || s.pages->size() < kv::chunks_for(end))
    throw std::invalid_argument(fmt::format("{} tokens after {} do not fit into {} pages and a context of {}",
                                            s.tokens.size(), s.position, s.pages ? s.pages->size() : 0,
                                            config_.context));
}

void forward_pass::begin(const step& of) {
  step_ = &of;
  members_.assign(of.sequences().size(), {});
  for (std::size_t s = 0; s < members_.size(); ++s) {
    if (of.is_dropped(s)) continue;
    const auto& sequence = of.sequences()[s];
    check(sequence);
    auto count = kv::chunks_for(sequence.position + sequence.tokens.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      auto bytes = (*sequence.pages)[i].writable();
      if (bytes.size() < geometry_.chunk_bytes()) throw std::invalid_argument("a page does not hold a chunk");
      members_[s].pages.push_back(bytes.data());
    }
  }
  plan();
  embed();
}

/// Rows and attention pieces of those who are in the batch.
void forward_pass::plan() {
  places_.clear();
  pieces_.clear();
  auto block = std::max(1u, attention_rows / config_.group());
  std::uint64_t seen = 0;  // tokens by tokens
  for (std::uint32_t s = 0; s < members_.size(); ++s) {
    if (step_->is_dropped(s)) continue;
    auto tokens = static_cast<std::uint32_t>(step_->sequences()[s].tokens.size());
    seen += std::uint64_t{tokens} * (step_->sequences()[s].position + tokens);
    if (places_.size() + tokens > rows_max_)
      throw std::invalid_argument(fmt::format("a batch has at most {} tokens", rows_max_));
    members_[s].first_row = static_cast<std::uint32_t>(places_.size());
    for (std::uint32_t t = 0; t < tokens; ++t) places_.push_back({s, t});
    for (std::uint32_t first = 0; first < tokens; first += block)
      for (std::uint32_t head = 0; head < config_.kv_heads; ++head)
        pieces_.push_back({s, head, first, std::min(block, tokens - first)});
  }
  rows_ = static_cast<std::uint32_t>(places_.size());
  short_attention_ = seen * 2 * config_.heads * config_.head_dim < attention_multiplications_min;
  small_ = rows_ * token_multiplications_ < std::uint64_t{threads_} * thread_multiplications_min;
}

void forward_pass::embed() {
  const auto& table = checkpoint_->weights.at("model.embed_tokens.weight");
  for (std::uint32_t row = 0; row < rows_; ++row) {
    auto token = std::min(step_->sequences()[places_[row].sequence].tokens[places_[row].token], config_.vocabulary - 1);
    std::span to{hidden_.data() + std::size_t{row} * config_.hidden, config_.hidden};
    model::to_f32(table.row(token), to);
    if (config_.embedding_scale != 1)
      for (auto& value : to) value *= config_.embedding_scale;
  }
}

void forward_pass::leave_out_dropped() {
  auto n = std::size_t{config_.hidden};
  std::size_t kept = 0;
  for (std::size_t row = 0; row < rows_; ++row) {
    if (step_->is_dropped(places_[row].sequence)) continue;
    if (kept != row) std::memcpy(hidden_.data() + kept * n, hidden_.data() + row * n, n * sizeof(float));
    ++kept;
  }
  plan();
}

void forward_pass::gather_last_rows() {
  auto n = std::size_t{config_.hidden};
  std::uint32_t count = 0;
  for (std::size_t s = 0; s < members_.size(); ++s) {
    if (!step_->needs_logits(s)) continue;
    auto last = members_[s].first_row + step_->sequences()[s].tokens.size() - 1;
    if (last != count)  // always behind the place it goes to
      std::memcpy(hidden_.data() + std::size_t{count} * n, hidden_.data() + last * n, n * sizeof(float));
    members_[s].logits_row = count++;
  }
  rows_ = count;
  logits_.resize(std::max(logits_.size(), std::size_t{padded_rows(count)} * config_.vocabulary));
}

std::span<const float> forward_pass::logits(std::size_t sequence) const {
  return std::span{logits_}.subspan(std::size_t{members_[sequence].logits_row} * config_.vocabulary,
                                    config_.vocabulary);
}

stage forward_pass::each_row(operation what, std::size_t values_per_row, std::function<void(std::size_t)> work) {
  return {.what = what,
          .begin =
              [this, values_per_row] {
                // A few pieces for each thread, so that a late one does not hold up the rest.
                auto least = static_cast<std::uint32_t>(piece_values_min / values_per_row + 1);
                rows_per_piece_ = std::max(least, rows_ / (4 * threads_));
                return (rows_ + rows_per_piece_ - 1) / rows_per_piece_;
              },
          .piece =
              [this, work = std::move(work)](std::uint32_t piece, std::uint32_t) {
                auto first = piece * rows_per_piece_;
                for (auto row = first; row < std::min(first + rows_per_piece_, rows_); ++row) work(row);
              }};
}

stage forward_pass::product(operation what, packed_matrix& by, line_vector<float>& result) {
  return {
      .what = what,
      .begin = [this, &by] { return rows_ == 0 ? 0 : by.prepare(rows_); },
      .piece = [this, &by, &result](std::uint32_t piece,
                                    std::uint32_t worker) { by.piece(piece, input(), result.data(), rooms_[worker]); }};
}

stage forward_pass::attention(std::uint32_t l) {
  return {.what = operation::attention,
          .begin =
              [this] {
                auto count = static_cast<std::uint32_t>(pieces_.size());
                return short_attention_ ? std::min(count, 1u) : count;
              },
          .piece =
              [this, l](std::uint32_t piece, std::uint32_t worker) {
                if (!short_attention_) return attend(l, pieces_[piece], worker);
                for (const auto& p : pieces_) attend(l, p, worker);
              }};
}

std::vector<stage> forward_pass::layer(std::uint32_t l) {
  auto& w = layers_.at(l);
  auto hidden = std::size_t{config_.hidden};
  std::vector<stage> stages;
  stages.push_back(each_row(operation::norm, hidden, [this, &w](std::size_t row) { norm(w.attention_norm, row); }));
  stages.push_back(product(operation::qkv, w.qkv, qkv_));
  stages.push_back(
      each_row(operation::rotate_and_store, qkv_columns(), [this, l](std::size_t row) { store_and_rotate(l, row); }));
  stages.push_back(attention(l));
  stages.push_back(each_row(operation::attention, hidden, [this](std::size_t row) { take_attention(row); }));
  stages.push_back(product(operation::output, w.output, result_));
  stages.push_back(each_row(operation::residual, 2 * hidden, [this, &w](std::size_t row) {
    add_residual(row, w.output_bias, w.attention_output_norm);
    norm(w.ffn_norm, row);
  }));
  if (w.router)
    add_experts(w, stages);
  else
    add_feed_forward(w.blocks.front(), config_.ffn_of(l), stages);
  stages.push_back(
      each_row(operation::residual, hidden, [this, &w](std::size_t row) { add_residual(row, {}, w.ffn_output_norm); }));
  return stages;
}

void forward_pass::add_feed_forward(feed_forward& block, std::size_t ffn, std::vector<stage>& to) {
  to.push_back(product(operation::gate_up, block.gate_up, result_));
  to.push_back(each_row(operation::silu, 2 * ffn, [this, ffn](std::size_t row) { gate(row, ffn); }));
  to.push_back(product(operation::down, block.down, result_));
}

void forward_pass::add_experts(layer_weights& w, std::vector<stage>& to) {
  auto hidden = std::size_t{config_.hidden}, ffn = std::size_t{config_.ffn};
  to.push_back(product(operation::gate_up, *w.router, result_));
  auto take = each_row(operation::gate_up, hidden, [this](std::size_t row) { experts_->take(row, input()); });
  take.begin = [this, count = std::move(take.begin)] {
    experts_->route(result_.data(), rows_);
    return count();
  };
  to.push_back(std::move(take));
  auto products = [this, &w](operation what, packed_matrix feed_forward::*which, bool down) {
    return stage{.what = what,
                 .begin = [this, &w, which] { return experts_->prepare(w.blocks, which); },
                 .piece = [this, down](std::uint32_t piece,
                                       std::uint32_t worker) { experts_->piece(piece, down, rooms_[worker]); }};
  };
  to.push_back(products(operation::gate_up, &feed_forward::gate_up, false));
  to.push_back(
      each_row(operation::silu, 2 * ffn * config_.experts_per_token, [this](std::size_t row) { experts_->gate(row); }));
  to.push_back(products(operation::down, &feed_forward::down, true));
  to.push_back(each_row(operation::down, hidden * config_.experts_per_token,
                        [this, hidden](std::size_t row) { experts_->combine(row, result_.data() + row * hidden); }));
}

std::vector<stage> forward_pass::head() {
  auto last_norm = each_row(operation::head, config_.hidden, [this](std::size_t row) { norm(final_norm_, row); });
  last_norm.begin = [this, count = std::move(last_norm.begin)] {
    gather_last_rows();
    return count();
  };
  std::vector<stage> stages;
  stages.push_back(std::move(last_norm));
  stages.push_back(product(operation::head, *head_, logits_));
  if (config_.logit_soft_cap > 0)
    stages.push_back(each_row(operation::head, config_.vocabulary, [this](std::size_t row) {
      kernels_.soft_cap(logits_.data() + row * config_.vocabulary, config_.vocabulary, config_.logit_soft_cap);
    }));
  return stages;
}

void forward_pass::norm(const std::vector<float>& gain, std::size_t row) {
  auto n = std::size_t{config_.hidden};
  kernels_.rms_norm(hidden_.data() + row * n, gain.data(), config_.rms_norm_eps, n,
                    bf16_ ? nullptr : wide_.data() + row * n, bf16_ ? narrow_.data() + row * n : nullptr);
}

/// Adds what a block says, after its bias and its own norm where it has them.
void forward_pass::add_residual(std::size_t row, std::span<const float> bias, std::span<const float> gain) {
  auto n = std::size_t{config_.hidden};
  float* result = result_.data() + row * n;
  if (!bias.empty()) kernels_.add(result, bias.data(), n, 1);
  if (!gain.empty()) kernels_.rms_norm(result, gain.data(), config_.rms_norm_eps, n, result, nullptr);
  kernels_.add(hidden_.data() + row * n, result, n, config_.residual_scale);
}

void forward_pass::gate(std::size_t row, std::size_t n) {
  auto function = config_.gate == model::activation::silu ? kernels_.silu_mul : kernels_.gelu_mul;
  function(result_.data() + row * 2 * n, n, bf16_ ? nullptr : wide_.data() + row * n,
           bf16_ ? narrow_.data() + row * n : nullptr);
}

}  // namespace chromatin::gpu
