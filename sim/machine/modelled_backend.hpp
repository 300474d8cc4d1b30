#pragma once

/// A device that computes nothing: its steps end by the clock of a simulation. The actors drive it as they drive any
/// other. Its pages are places without memory, all zeros. One thread.
///
/// A step's layers take equal times; each begins when the one before has ended and its loads have arrived. Every
/// sequence that samples gets the same token: what a page holds is known by its key alone.

#include <deque>
#include <memory>

#include "gpu/backend.hpp"
#include "gpu/step.hpp"
#include "sim/machine/modelled_copies.hpp"

namespace chromatin::sim {

/// Address space for pages that nobody writes to: reading costs no memory.
std::shared_ptr<kv::page_arena> make_empty_arena(std::uint32_t pages, std::size_t page_bytes);

/// Where a device's time went.
struct device_time {
  double prefill_us = 0, decode_us = 0;
  double load_wait_us = 0, save_wait_us = 0;  ///< a step was under way and waited
};

class modelled_backend final : public gpu::backend {
 public:
  /// The machine and the timeline outlive it.
  modelled_backend(const machine& m, const model_of_time& time, timeline& events);

  const kv::geometry& geometry() const override { return geometry_; }
  std::string description() const override { return machine_.name + ", modelled"; }
  std::uint64_t weight_bytes() const override { return 0; }
  std::shared_ptr<kv::page_arena> make_arena(std::uint32_t pages) override;
  bool orders_loads() const override { return true; }
  void begin(gpu::step_batch batch) override;
  gpu::fence run_layer(std::uint32_t layer, std::span<const gpu::fence> after) override;
  void drop(std::uint32_t sequence) override;
  void finish(std::function<void(gpu::step_output)> done) override;
  bool abandon(std::function<void()> ended) override;
  modelled_copies& copies() override { return copies_; }

  const device_time& time_spent() const { return spent_; }

 private:
  /// What the device does next: a layer, or the end of the step.
  struct operation {
    std::vector<gpu::fence> after;
    std::shared_ptr<gpu::fence_source> computed;
    std::function<void(gpu::step_output)> done;  ///< of the end
  };
  struct step_time {
    double prefill_us = 0, decode_us = 0;
  };
  step_time time_of_step() const;
  void go_on();
  void run(operation next);
  void end_step(const std::function<void(gpu::step_output)>& done);

  const machine& machine_;
  const model_of_time& time_;
  timeline& events_;
  kv::geometry geometry_;
  modelled_copies copies_;
  gpu::step step_;
  step_time takes_;
  std::deque<operation> queue_;
  bool in_step_ = false, computing_ = false, waiting_ = false;
  timeline::time_point idle_since_{};
  double computed_us_ = 0;  ///< of the step
  device_time spent_;
};

}  // namespace chromatin::sim
