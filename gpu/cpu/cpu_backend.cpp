#include "gpu/cpu/cpu_backend.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <future>
#include <stdexcept>

#include <fmt/format.h>
#include <omp.h>

#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/layer_weights.hpp"
#include "model/rope.hpp"

namespace chromatin::gpu {
namespace {

/// Query rows (tokens × heads that share keys) of one piece of attention work.
constexpr std::uint32_t attention_rows = 128;
/// A step with fewer multiplications for each thread runs on one: waking the others and waiting for them costs more
/// than they do.
constexpr std::uint64_t thread_multiplications_min = 2000000;
/// Below this many values a loop is not worth waking the other threads for.
constexpr std::size_t parallel_values_min = 32768;

/// A row of a batch: which sequence, which token of it.
struct row_place {
  std::uint32_t sequence;
  std::uint32_t token;
};

/// A piece of attention work: some query tokens of one sequence over one key-value head.
struct attention_piece {
  std::uint32_t sequence, head, first_token, tokens;
};

/// Never more than OpenMP will really start (OMP_THREAD_LIMIT): oneDNN divides work by the number it is told.
int threads_for(const cpu_options& options) {
  auto wanted = options.threads ? static_cast<int>(options.threads) : omp_get_num_procs();
  return std::min(wanted, omp_get_thread_limit());
}

class cpu_backend final : public backend {
 public:
  cpu_backend(std::shared_ptr<const model::checkpoint> checkpoint, const cpu_options& options);

  const kv::geometry& geometry() const override { return geometry_; }
  std::string description() const override;
  std::uint64_t weight_bytes() const override { return weight_bytes_; }
  void begin(std::span<const sequence_step> batch) override;
  void run_layer(std::uint32_t layer) override;
  std::span<const float> finish() override;

 private:
  void embed();
  void plan_attention();
  void norm(const std::vector<float>& gain);
  void store_and_rotate(std::uint32_t layer);
  void attend(std::uint32_t layer);
  void add_residual();
  void silu();
  const void* input() const { return bf16_ ? static_cast<const void*>(narrow_.data()) : wide_.data(); }
  /// Does `work` and books its time.
  template <class Work>
  void timed(operation what, Work work);
  /// Calls `work(row)` for every row of the batch, on all threads when it is worth it.
  template <class Work>
  void each_row(std::size_t values_per_row, Work work) const;

  std::shared_ptr<const model::checkpoint> checkpoint_;
  const model::config& config_;
  kv::geometry geometry_;
  bool bf16_;
  bool int8_;
  bool deterministic_;
  operation_times* times_;
  int threads_;
  std::uint64_t weight_bytes_ = 0;
  double rounding_error_ = 0;                ///< of int8 weights: root mean square, relative
  std::uint64_t token_multiplications_ = 0;  ///< of all matrices, for one token
  std::uint32_t rows_max_;
  const kernel_table& kernels_;
  std::vector<layer_weights> layers_;
  std::vector<float> final_norm_;
  std::unique_ptr<packed_matrix> head_;
  std::vector<float> cosines_, sines_;  ///< [position][head_dim / 2]

  std::vector<sequence_step> batch_;
  std::vector<std::uint32_t> first_row_;  ///< of each sequence
  std::vector<row_place> places_;
  std::vector<attention_piece> pieces_;
  std::uint32_t rows_ = 0;
  std::vector<float> hidden_, qkv_, result_, wide_, logits_;
  widened_weights widened_;
  std::vector<std::uint16_t> narrow_;  ///< what goes into a bf16 matmul; `wide_` for float
  std::vector<std::vector<float>> scratch_;
};

cpu_backend::cpu_backend(std::shared_ptr<const model::checkpoint> checkpoint, const cpu_options& options)
    : checkpoint_{std::move(checkpoint)},
      config_{checkpoint_->config},
      geometry_{config_.cache_geometry(options.compute)},
      bf16_{options.compute == kv::dtype::bf16},
      int8_{options.int8_weights},
      deterministic_{options.deterministic},
      times_{options.times},
      threads_{threads_for(options)},
      rows_max_{padded_rows(options.step_tokens_max)},
      kernels_{kernels()} {
  if (bf16_ && !has_bf16_matmul()) throw std::runtime_error("this processor does not multiply bf16; use --compute f32");
  const auto& w = checkpoint_->weights;
  omp_set_num_threads(threads_);
  matrix_options matrices{.bf16 = bf16_, .int8 = options.int8_weights, .fixed_order = deterministic_};
  for (std::uint32_t l = 0; l < config_.layers; ++l) {
    layers_.emplace_back(*checkpoint_, l, matrices);
    w.release_pages();  // so that no more than one layer is in memory twice
  }
  final_norm_ = vector_of(w, "model.norm.weight");
  head_ = std::make_unique<packed_matrix>(
      std::vector{&w.at(config_.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight")}, matrices);
  w.release_pages();

  weight_bytes_ = head_->bytes();
  double lost = head_->squared_error(), all = head_->squared_weights();
  for (const auto& layer : layers_)
    for (const auto* m : {&layer.qkv, &layer.output, &layer.gate_up, &layer.down}) {
      token_multiplications_ += m->multiplications();
      weight_bytes_ += m->bytes();
      lost += m->squared_error();
      all += m->squared_weights();
    }
  rounding_error_ = all > 0 ? std::sqrt(lost / all) : 0;

  auto half = config_.head_dim / 2;
  cosines_.resize(std::size_t{config_.context} * half);
  sines_.resize(cosines_.size());
  auto frequencies = model::rotary_frequencies(config_);
  for (std::uint32_t p = 0; p < config_.context; ++p)
    for (std::uint32_t j = 0; j < half; ++j) {  // as the reference does: of a product of floats
      auto angle = static_cast<float>(p) * frequencies[j];
      cosines_[std::size_t{p} * half + j] = std::cos(angle);
      sines_[std::size_t{p} * half + j] = std::sin(angle);
    }
  std::size_t rows = rows_max_;
  auto q = std::size_t{config_.heads} * config_.head_dim;
  auto widest = std::max<std::size_t>({config_.hidden, q, config_.ffn});
  hidden_.resize(rows * config_.hidden);
  qkv_.resize(rows * layers_[0].qkv.n());
  result_.resize(rows * std::max<std::size_t>(2 * config_.ffn, config_.hidden));
  (bf16_ ? wide_.resize(0) : wide_.resize(rows * widest));
  (bf16_ ? narrow_.resize(rows * widest) : narrow_.resize(0));
  scratch_.resize(static_cast<std::size_t>(threads_));
  auto piece_rows = std::max(attention_rows, config_.group());
  for (auto& s : scratch_) s.resize(attention_scratch_floats(piece_rows, config_.head_dim));
}

std::string cpu_backend::description() const {
  auto text = fmt::format("cpu: {}, {}, own kernels {}, {} threads", matmul_description(), bf16_ ? "bf16" : "f32",
                          kernels_.name, threads_);
  if (int8_) text += fmt::format(", int8 weights ({:.2f} % rounding error)", 100 * rounding_error_);
  if (deterministic_) text += ", deterministic";
  return text;
}

template <class Work>
void cpu_backend::timed(operation what, Work work) {
  if (!times_) return work();
  auto begun = std::chrono::steady_clock::now();
  work();
  times_->spent[static_cast<std::size_t>(what)] += std::chrono::steady_clock::now() - begun;
}

template <class Work>
void cpu_backend::each_row(std::size_t values_per_row, Work work) const {
  [[maybe_unused]] bool worth = rows_ * values_per_row >= parallel_values_min;
#pragma omp parallel for if (worth) schedule(static)
  for (std::uint32_t row = 0; row < rows_; ++row) work(row);
}

void cpu_backend::begin(std::span<const sequence_step> batch) {
  batch_.assign(batch.begin(), batch.end());
  first_row_.clear();
  places_.clear();
  for (std::uint32_t s = 0; s < batch_.size(); ++s) {
    const auto& step = batch_[s];
    auto end = step.position + step.tokens.size();
    if (step.tokens.empty() || end > config_.context || step.pages.size() < kv::chunks_for(end))
      throw std::invalid_argument("a step's tokens must fit into its pages and the context");
    first_row_.push_back(static_cast<std::uint32_t>(places_.size()));
    for (std::uint32_t t = 0; t < step.tokens.size(); ++t) places_.push_back({s, t});
  }
  rows_ = static_cast<std::uint32_t>(places_.size());
  if (rows_ == 0 || rows_ > rows_max_)
    throw std::invalid_argument("a batch must have one token at least, step_tokens_max at most");
  // A setting of the calling thread, for our loops and for oneDNN's.
  omp_set_num_threads(rows_ * token_multiplications_ < static_cast<std::uint64_t>(threads_) * thread_multiplications_min
                          ? 1
                          : threads_);
  plan_attention();
  timed(operation::embed, [&] { embed(); });
}

void cpu_backend::embed() {
  const auto& table = checkpoint_->weights.at("model.embed_tokens.weight");
  auto row_bytes = table.bytes.size() / config_.vocabulary;
  for (std::uint32_t row = 0; row < rows_; ++row) {
    auto token = std::min(batch_[places_[row].sequence].tokens[places_[row].token], config_.vocabulary - 1);
    model::tensor one{{config_.hidden}, table.type, table.bytes.subspan(token * row_bytes, row_bytes)};
    model::to_f32(one, {hidden_.data() + std::size_t{row} * config_.hidden, config_.hidden});
  }
}

void cpu_backend::plan_attention() {
  pieces_.clear();
  auto block = std::max(1u, attention_rows / config_.group());
  for (std::uint32_t s = 0; s < batch_.size(); ++s) {
    auto tokens = static_cast<std::uint32_t>(batch_[s].tokens.size());
    for (std::uint32_t first = 0; first < tokens; first += block)
      for (std::uint32_t head = 0; head < config_.kv_heads; ++head)
        pieces_.push_back({s, head, first, std::min(block, tokens - first)});
  }
}

void cpu_backend::norm(const std::vector<float>& gain) {
  auto n = config_.hidden;
  each_row(n, [&](std::size_t row) {
    kernels_.rms_norm(hidden_.data() + row * n, gain.data(), config_.rms_norm_eps, n,
                      bf16_ ? nullptr : wide_.data() + row * n, bf16_ ? narrow_.data() + row * n : nullptr);
  });
}

void cpu_backend::store_and_rotate(std::uint32_t layer) {
  auto d = config_.head_dim;
  auto q = std::size_t{config_.heads} * d, kv = std::size_t{config_.kv_heads} * d, columns = q + 2 * kv;
  auto scale = 1.0f / std::sqrt(static_cast<float>(d));
  auto element = kv::bytes_of(geometry_.type);
  const auto& bias = layers_[layer].qkv_bias;
  each_row(columns, [&](std::size_t row) {
    auto [s, t] = places_[row];
    const auto& step = batch_[s];
    auto position = step.position + t;
    auto half = std::size_t{d} / 2;
    float* values = qkv_.data() + row * columns;
    if (!bias.empty()) kernels_.add(values, bias.data(), columns);
    for (std::uint32_t h = 0; h < config_.heads; ++h)
      kernels_.rotate(values + h * d, cosines_.data() + position * half, sines_.data() + position * half, d, scale);
    auto* slice = step.pages[position / kv::tokens_per_chunk] + layer * geometry_.slice_bytes();
    auto slot = (position % kv::tokens_per_chunk) * d * element;
    for (std::uint32_t h = 0; h < config_.kv_heads; ++h) {
      auto put = [&](const float* from, std::size_t offset) {
        auto* to = slice + offset + h * geometry_.head_bytes() + slot;
        if (bf16_)
          kernels_.to_bf16(from, d, reinterpret_cast<std::uint16_t*>(to));
        else
          std::memcpy(to, from, d * sizeof(float));
      };
      put(values + q + h * d, 0);
      put(values + q + kv + h * d, geometry_.values_offset_bytes());
    }
  });
}

void cpu_backend::attend(std::uint32_t layer) {
  auto d = config_.head_dim;
  auto q = std::size_t{config_.heads} * d, columns = q + 2 * std::size_t{config_.kv_heads} * d;
  // Results go back over the queries they came from, then are packed together.
#pragma omp parallel for schedule(dynamic, 1) if (pieces_.size() > 1)
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const auto& piece = pieces_[i];
    const auto& step = batch_[piece.sequence];
    auto first = std::size_t{first_row_[piece.sequence]} + piece.first_token;
    auto at = qkv_.data() + first * columns + std::size_t{piece.head} * config_.group() * d;
    auto slice = layer * geometry_.slice_bytes() + piece.head * geometry_.head_bytes();
    kernels_.attention({.queries = at,
                        .out = at,
                        .row_stride = columns,
                        .tokens = piece.tokens,
                        .first_position = step.position + piece.first_token,
                        .group = config_.group(),
                        .head_dim = d,
                        .pages = step.pages.data(),
                        .keys_offset = slice,
                        .values_offset = slice + geometry_.values_offset_bytes(),
                        .bf16 = bf16_,
                        .cosines = cosines_.data(),
                        .sines = sines_.data(),
                        .scratch = scratch_[static_cast<std::size_t>(omp_get_thread_num())].data(),
                        .fixed_order = deterministic_,
                        .keys_rotated = false});
  }
  each_row(q, [&](std::size_t row) {
    if (bf16_)
      kernels_.to_bf16(qkv_.data() + row * columns, q, narrow_.data() + row * q);
    else
      std::memcpy(wide_.data() + row * q, qkv_.data() + row * columns, q * sizeof(float));
  });
}

void cpu_backend::add_residual() {
  auto n = config_.hidden;
  each_row(n, [&](std::size_t row) { kernels_.add(hidden_.data() + row * n, result_.data() + row * n, n); });
}

void cpu_backend::run_layer(std::uint32_t layer) {
  auto& w = layers_.at(layer);
  auto multiply = [&](operation what, packed_matrix& by, std::vector<float>& result) {
    timed(what, [&] { by.multiply(input(), rows_, result.data(), widened_); });
  };
  timed(operation::norm, [&] { norm(w.attention_norm); });
  multiply(operation::qkv, w.qkv, qkv_);
  timed(operation::rotate_and_store, [&] { store_and_rotate(layer); });
  timed(operation::attention, [&] { attend(layer); });
  multiply(operation::output, w.output, result_);
  timed(operation::residual, [&] { add_residual(); });
  timed(operation::norm, [&] { norm(w.ffn_norm); });
  multiply(operation::gate_up, w.gate_up, result_);
  timed(operation::silu, [&] { silu(); });
  multiply(operation::down, w.down, result_);
  timed(operation::residual, [&] { add_residual(); });
}

void cpu_backend::silu() {
  auto n = std::size_t{config_.ffn};
  each_row(2 * n, [&](std::size_t row) {
    kernels_.silu_mul(result_.data() + row * 2 * n, n, bf16_ ? nullptr : wide_.data() + row * n,
                      bf16_ ? narrow_.data() + row * n : nullptr);
  });
}

std::span<const float> cpu_backend::finish() {
  auto n = config_.hidden;
  std::uint32_t count = 0;
  for (std::size_t s = 0; s < batch_.size(); ++s) {  // last rows of those who want logits, moved together
    if (!batch_[s].wants_logits) continue;
    auto last = first_row_[s] + batch_[s].tokens.size() - 1;
    if (last != count)
      std::memcpy(hidden_.data() + std::size_t{count} * n, hidden_.data() + last * n, n * sizeof(float));
    ++count;
  }
  if (count == 0) return {};
  rows_ = count;
  norm(final_norm_);
  logits_.resize(std::size_t{padded_rows(count)} * config_.vocabulary);
  timed(operation::head, [&] { head_->multiply(input(), count, logits_.data(), widened_); });
  return {logits_.data(), std::size_t{count} * config_.vocabulary};
}

}  // namespace

kv::dtype best_compute_type() { return has_bf16_matmul() ? kv::dtype::bf16 : kv::dtype::f32; }

std::unique_ptr<backend> make_cpu_backend(std::shared_ptr<const model::checkpoint> checkpoint,
                                          const cpu_options& options) {
  // In a thread that ends: OpenMP keeps workers for every thread that ever computed, and when it counts more of them
  // than processors it lets them sleep between loops, which makes a small model's decode several times slower.
  auto made = std::async(std::launch::async,
                         [&] { return std::make_unique<cpu_backend>(std::move(checkpoint), options); });
  return made.get();
}

}  // namespace chromatin::gpu
