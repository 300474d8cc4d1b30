#pragma once

/// What a model computes for a batch of tokens on a device: kernels and products, enqueued in one stream.

#include <map>
#include <span>
#include <string>

#include "gpu/cuda/cuda_backend.hpp"
#include "gpu/cuda/device_weights.hpp"
#include "gpu/cuda/plan_upload.hpp"

namespace chromatin::gpu::cuda {

/// One thread at a time. `of`, a step, stays until its end.
class device_pass {
 public:
  /// Uploads the weights; waits. Throws std::bad_alloc.
  device_pass(std::shared_ptr<const model::checkpoint> checkpoint, runtime& on, const cuda_options& options);
  ~device_pass();
  device_pass(const device_pass&) = delete;
  device_pass& operator=(const device_pass&) = delete;

  const kv::geometry& geometry() const { return geometry_; }
  std::uint64_t weight_bytes() const { return weights_.bytes(); }
  stream compute() const { return compute_; }

  /// Looks up the embeddings. Throws std::invalid_argument when the step does not fit (plan_step).
  void begin(const step& of);
  /// Between layers: dropped sequences have no part in what is enqueued from now on.
  void leave_out_dropped(const step& of);
  void layer(std::uint32_t layer);
  /// Logits after the last token of those sequences that need them. Of most, the host gets what samplers need; all of
  /// them where the step says so.
  void head(const step& of);
  /// All of it, as one launch where that was seen before.
  void whole(const step& of);

  /// Lets the host have all logits of the sequence, too.
  void fetch_logits(std::size_t sequence);

  /// Once the stream is through. The likeliest stay until the next call.
  model::shortlist likeliest(std::size_t sequence);
  std::span<const float> logits(std::size_t sequence) const;

 private:
  struct activations {
    activations(runtime& on, const model::config& config, std::size_t rows);
    device_array<float> hidden;
    device_array<std::uint16_t> normed, qkv, attended, gate_up, activated;
  };
  using graph_key = std::pair<std::uint32_t, std::uint32_t>;  ///< rows, context

  void plan(const step& of, bool first_of_step);
  bool make_room();
  std::uint16_t* rotated_keys();
  std::size_t rotated_page_values() const;
  void embed();
  void compute_logits();
  void logits_to_host(const step& of);
  void enqueue_all();
  void attend(const attention_shape& shape);
  attention_shape shape_of(std::uint32_t layer) const;
  void multiply(const product& by, const void* x, std::uint32_t rows, void* y);
  void tune(std::uint32_t rows_max);
  std::vector<product> products_of(const device_layer& layer) const;
  product head_product() const;
  void launch_graph();
  void forget_graphs();

  std::shared_ptr<const model::checkpoint> checkpoint_;
  const model::config& config_;
  kv::geometry geometry_;
  runtime& on_;
  const kernel_table& kernels_;
  bool fixed_order_;
  std::uint32_t rows_max_;
  device_weights weights_;
  activations at_;
  stream compute_;
  plan_upload uploaded_;

  step_plan plan_;
  std::vector<std::uint32_t> logits_row_;          ///< of each sequence that needs logits
  std::uint32_t context_of_single_ = 0;            ///< rounded up
  device_array<float> scratch_, prefill_scratch_;  ///< of attention_decode and attention_prefill
  device_array<std::uint16_t> rotated_;            ///< keys
  device_array<std::uint32_t> turns_;              ///< of attention_decode: zeros
  device_array<float> logits_, host_logits_;
  device_array<candidate> candidates_, host_candidates_;
  device_array<logits_summary> summaries_, host_summaries_;
  std::vector<std::pair<float, kv::token_id>> likeliest_;  ///< of the sequence that was asked for last
  std::map<graph_key, graph> graphs_;
};

}  // namespace chromatin::gpu::cuda
