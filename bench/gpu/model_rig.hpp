#pragma once

/// The CUDA executor alone, without actors: steps, and chunks that move between its pages and pinned memory.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "gpu/backend.hpp"
#include "gpu/cuda/runtime.hpp"
#include "model/checkpoint.hpp"

namespace chromatin::bench {

/// Copies under way; made before them, waited for after them.
class moves {
 public:
  /// For a copy's `done`, or a fence's `then`: counts as under way until it is called.
  std::function<void(bool passed)> open();
  /// Until all are over. Throws std::runtime_error when one of them failed.
  void wait();

 private:
  struct state {
    std::mutex mutex;
    std::condition_variable over;
    int open = 0;
    bool failed = false;
  };
  std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// Chunks in pinned memory, with their slices' checksums.
struct kept_chunks {
  std::uint32_t tokens = 0;
  std::vector<kv::page_ref> pages;
  std::vector<std::vector<std::uint64_t>> checksums;  ///< [layer][chunk]
};

class model_rig {
 public:
  struct options {
    std::uint32_t step_tokens_max = 512;
    std::uint32_t device_pages_wanted = 0;  ///< fewer where the device's memory has no room
    std::uint32_t host_pages = 0;
    int repeats = 5;
  };
  model_rig(std::shared_ptr<gpu::cuda::runtime> device, std::shared_ptr<const model::checkpoint> checkpoint,
            const options& how);
  ~model_rig();

  const model::config& config() const { return checkpoint_->config; }
  const kv::geometry& geometry() const { return backend_->geometry(); }
  gpu::backend& backend() { return *backend_; }
  int repeats() const { return repeats_; }
  std::uint32_t step_tokens_max() const { return step_tokens_max_; }
  std::uint32_t free_device_pages() const { return device_arena_->available(); }
  std::uint32_t free_host_pages() const { return host_arena_ ? host_arena_->available() : 0; }
  /// In multiplied matrices: what a token's step reads of them.
  std::uint64_t matrix_bytes() const;
  /// Of all layers.
  std::uint64_t cache_bytes(std::uint32_t tokens) const { return std::uint64_t{tokens} * token_cache_bytes_; }
  /// Multiplications and additions of a prefill that samples one token; of attention, half of the square.
  double operations(std::uint32_t tokens, std::uint32_t position = 0) const;

  /// Pages for so many tokens. Throws std::runtime_error when there are none.
  kv::block_table pages(std::uint32_t tokens);
  /// `count` tokens at `position`, with a greedily sampled one behind.
  gpu::sequence_step part(const kv::block_table& pages, std::uint32_t position, std::uint32_t count) const;

  using layer_hook = std::function<void(std::uint32_t layer, const gpu::fence& written)>;
  /// What a layer waits for.
  using load_of_layer = std::function<gpu::fence(std::uint32_t layer)>;
  /// Computes to the end. Throws when the device fails.
  std::vector<gpu::sequence_result> run(gpu::step_batch batch, const load_of_layer& loads = {},
                                        const layer_hook& written = {});
  /// Tokens from `from` to `to`, in as few steps as there can be; the last one's result.
  std::vector<gpu::sequence_result> prefill(const kv::block_table& pages, std::uint32_t from, std::uint32_t to);

  /// Host pages for the chunks of so many tokens; nothing in them yet.
  std::shared_ptr<kept_chunks> room(std::uint32_t tokens);
  /// Enqueues one layer's slices, device to host.
  void save_layer(const kv::block_table& from, const std::shared_ptr<kept_chunks>& to, std::uint32_t layer,
                  const gpu::fence& after, moves& under_way);
  /// Enqueues all layers, host to device, in their order, and tells each one's fence when it has one.
  void load(const kept_chunks& from, const kv::block_table& to, moves& under_way, const layer_hook& coming = {});
  /// Copies out of the device that nothing else belongs to: as fast as the link is, and behind nothing.
  void copy_out(std::size_t bytes, moves& under_way);
  /// Within the device.
  void copy(const kv::block_table& from, const kv::block_table& to, std::uint32_t tokens);

 private:
  std::vector<gpu::slice_copy> slices(const kv::block_table& device, const kept_chunks& host,
                                      std::uint32_t layer) const;

  std::shared_ptr<gpu::cuda::runtime> device_;
  std::shared_ptr<const model::checkpoint> checkpoint_;
  std::unique_ptr<gpu::backend> backend_;
  std::shared_ptr<kv::page_arena> device_arena_, host_arena_;
  struct {
    gpu::cuda::stream queue = nullptr;
    kv::memory_block from, to;
  } plain_;  ///< of copy_out
  int repeats_;
  std::uint32_t step_tokens_max_;
  std::uint64_t token_cache_bytes_;
};

}  // namespace chromatin::bench
