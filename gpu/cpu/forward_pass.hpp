#pragma once

/// What a model computes for a batch of tokens on the CPU, as stages whose pieces a team of threads shares.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/cpu/expert_block.hpp"
#include "gpu/cpu/kernels.hpp"
#include "gpu/cpu/layer_weights.hpp"
#include "gpu/step.hpp"
#include "model/rope.hpp"

namespace chromatin::gpu {

/// A loop of pieces that do not depend on each other. Stages run one after the other.
struct stage {
  operation what;
  std::function<std::uint32_t()> begin;                                  ///< alone: how many pieces there are
  std::function<void(std::uint32_t piece, std::uint32_t worker)> piece;  ///< on any of the threads
};

/// Everything but the stages' pieces runs alone. The stages of a layer and of the head are made ahead of the batch and
/// run on the batch of the time.
class forward_pass {
 public:
  forward_pass(std::shared_ptr<const model::checkpoint> checkpoint, const cpu_options& options);

  const kv::geometry& geometry() const { return geometry_; }
  /// Where weights are rounded it tells by how much, and waits until that is known.
  std::string description();
  std::uint64_t weight_bytes() const { return weight_bytes_; }
  std::uint32_t threads() const { return threads_; }

  /// Takes the tokens of sequences that are not dropped and looks up their embeddings. `of` stays until the head has
  /// run. Throws std::invalid_argument when they do not fit into their pages, the context or a batch.
  void begin(const step& of);
  /// Takes the rows of dropped sequences out, between layers.
  void leave_out_dropped();
  /// Returns when the weights of a layer are packed; those of the head count as one more. Throws std::runtime_error
  /// when they will never be.
  void wait_for_weights(std::uint32_t layer) { packing_.wait_for(layer); }
  /// Any thread: who waits for weights waits in vain.
  void stop_packing() { packing_.stop(); }
  std::vector<stage> layer(std::uint32_t layer);
  /// Logits after the last token of those sequences that need them.
  std::vector<stage> head();
  std::span<const float> logits(std::size_t sequence) const;
  /// True when the batch is worth less than waking another thread.
  bool is_small() const { return small_; }

 private:
  /// A row of the batch: which sequence, which token of it.
  struct row_place {
    std::uint32_t sequence, token;
  };
  /// A piece of attention work: some query tokens of one sequence over one key-value head.
  struct attention_piece {
    std::uint32_t sequence, head, first_token, tokens;
  };
  /// A sequence's rows and pages.
  struct member {
    std::uint32_t first_row = 0;
    std::uint32_t logits_row = 0;
    std::vector<std::byte*> pages;
  };

  void make_matrices();
  double rounding_error();
  void reserve();
  void check(const sequence_step& s) const;
  void plan();
  void embed();
  void gather_last_rows();
  void norm(const std::vector<float>& gain, std::size_t row);
  void add_residual(std::size_t row, std::span<const float> bias, std::span<const float> gain);
  void norm_heads(float* heads, std::uint32_t count, const std::vector<float>& gain) const;
  const model::rotary_table& rotation(std::uint32_t layer) const;
  std::uint32_t rotary_dim(std::uint32_t layer) const;
  void store_and_rotate(std::uint32_t layer, std::size_t row);
  void attend(std::uint32_t layer, const attention_piece& piece, std::uint32_t worker);
  void take_attention(std::size_t row);
  void gate(std::size_t row, std::size_t ffn);
  void add_feed_forward(feed_forward& block, std::size_t ffn, std::vector<stage>& to);
  void add_experts(layer_weights& w, std::vector<stage>& to);
  const void* input() const { return bf16_ ? static_cast<const void*>(narrow_.data()) : wide_.data(); }
  std::uint32_t qkv_columns() const { return (config_.heads + 2 * config_.kv_heads) * config_.head_dim; }

  /// A stage over the batch's rows, some at a time.
  stage each_row(operation what, std::size_t values_per_row, std::function<void(std::size_t row)> work);
  stage attention(std::uint32_t layer);
  stage product(operation what, packed_matrix& by, line_vector<float>& result);

  std::shared_ptr<const model::checkpoint> checkpoint_;
  const model::config& config_;
  kv::geometry geometry_;
  bool bf16_, deterministic_;
  model::weight_kind weights_;
  std::uint32_t threads_;
  std::uint64_t weight_bytes_ = 0;
  std::uint64_t token_multiplications_ = 0;  ///< of all matrices, for one token
  float score_scale_;
  std::uint32_t rows_max_;
  const kernel_table& kernels_;
  std::deque<layer_weights> layers_;
  std::vector<float> final_norm_;
  std::unique_ptr<packed_matrix> head_;
  model::rotary_table rotation_, local_rotation_;
  std::optional<expert_block> experts_;  ///< where the model has some

  const step* step_ = nullptr;
  std::vector<member> members_;
  std::vector<row_place> places_;
  std::vector<attention_piece> pieces_;
  std::uint32_t rows_ = 0;
  std::uint32_t rows_per_piece_ = 1;  ///< of the stage over rows that runs
  bool small_ = false, short_attention_ = false;
  line_vector<float> hidden_, qkv_, result_, wide_, logits_;
  line_vector<std::uint16_t> narrow_;        ///< what goes into a bf16 matmul; `wide_` for float
  std::vector<matrix_room> rooms_;           ///< of each worker
  std::vector<line_vector<float>> scratch_;  ///< of each worker, for attention

  weight_packing packing_;  ///< the last: it writes to matrices
};

}  // namespace chromatin::gpu
