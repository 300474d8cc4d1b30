#pragma once

/// A backend for deterministic actor runs. Its "keys and values" are a running hash of all tokens before, which fills
/// every byte of a token's slots in every layer, and its logits come from reading every page of the history. A page
/// that is wrong, stale, wrongly packed or in the wrong place changes the tokens that follow.
///
/// Nothing happens inside a call: layers, ends of steps and copies wait in queues until poll() ends one of them. Layers
/// and ends of steps keep their order; between them and among each other, copies end in an order that a seed decides,
/// as far as fences allow. One thread.

#include <deque>
#include <memory>
#include <random>
#include <vector>

#include "gpu/backend.hpp"
#include "gpu/slice_mover.hpp"
#include "gpu/step.hpp"

namespace chromatin::test {

struct toy_options {
  std::uint32_t vocabulary = 4096;
  std::uint32_t layers = 3;
  std::uint64_t seed = 1;
  bool orders_loads = false;  ///< as a GPU does: layers wait for fences in the device
  bool verify = false;        ///< copies are checked afterwards
  std::int64_t step_us = 0;   ///< what a step says it took
  std::int64_t token_us = 0;  ///< and more for each token that it began with
};

/// Each counts how often something goes wrong from now on.
struct toy_faults {
  std::uint32_t in_fails = 0, out_fails = 0, copy_fails = 0;  ///< a copy ends with copy_error::failed
  std::uint32_t bytes_flip = 0;    ///< in what a copy wrote, after its checksum was made or checked
  std::uint32_t layers_fail = 0;   ///< the device's own thread: the step ends with an error
  std::uint32_t begins_throw = 0;  ///< begin() throws std::runtime_error
  std::uint32_t logits_break = 0;  ///< of one sequence: not a number
};

class toy_copies;

class toy_backend final : public gpu::backend {
 public:
  explicit toy_backend(const toy_options& options = {});
  ~toy_backend() override;

  const kv::geometry& geometry() const override { return geometry_; }
  std::string description() const override { return "toy"; }
  std::uint64_t weight_bytes() const override { return 0; }
  std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) override;
  bool orders_loads() const override { return options_.orders_loads; }
  void begin(gpu::step_batch batch) override;
  gpu::fence run_layer(std::uint32_t layer, std::span<const gpu::fence> after) override;
  void drop(std::uint32_t sequence) override;
  void finish(std::function<void(gpu::step_output)> done) override;
  bool abandon(std::function<void()> ended) override;
  gpu::copy_engine& copies() override;

  /// Ends one operation whose time has come; false when there is none.
  bool poll();
  /// True when operations wait, perhaps for fences that nobody has ended yet.
  bool busy() const;

  toy_faults faults;

 private:
  std::int64_t tokens_ = 0;  ///< of the step
  struct operation {
    std::vector<gpu::fence> after;
    std::function<void()> run;
    bool ready() const;
  };
  void compute_layer(std::uint32_t layer);
  bool sample();
  std::span<const float> logits_of(std::size_t sequence);

  toy_options options_;
  kv::geometry geometry_;
  std::mt19937_64 random_;
  std::deque<operation> queue_;
  std::unique_ptr<toy_copies> copies_;
  bool in_step_ = false;
  gpu::step step_;
  std::string error_;  ///< of the step
  std::vector<float> logits_;
};

}  // namespace chromatin::test
