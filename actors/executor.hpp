#pragma once

/// The executor: drives one backend, a step at a time, layer by layer (CachedAttention §3.2.1).
///
/// Before a layer it waits until the layer of every load in the step was ordered; its fence then says when the bytes
/// are there. After a layer it hands the slices of chunks that the step filled up to the device tier, with the layer's
/// fence. A sequence whose load is late is dropped from a step that others are in. Nothing here waits for the device:
/// waiting is returning to the mailbox.
///
/// A backend that fails takes its executor with it. The next one begins by ending the step that is still under way.

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/answer.hpp"

namespace chromatin {

struct executor_state {
  static inline const char* name = "executor";

  explicit executor_state(executor_actor::stateful_pointer<executor_state> owner) : self{owner} {}

  void start(std::shared_ptr<gpu::backend> with);
  void on_started();
  caf::result<step_result> step(step_order order);
  /// Enqueues layers as far as they are loaded, then the end of the step.
  void advance();
  void hurry();
  void on_finished(gpu::step_output& output);
  counters stats() const;

  executor_actor::stateful_pointer<executor_state> self;
  std::shared_ptr<gpu::backend> backend;
  device_tier_actor device;

 private:
  enum class load_state : std::uint8_t { arrived, awaited, late };

  void begin_step();
  /// True when the next layer may be enqueued; `fences` are what it has to wait for.
  bool layer_loaded(std::vector<gpu::fence>& fences);
  load_state look_at_load(std::size_t part, std::vector<gpu::fence>& fences);
  void drop(std::size_t part);
  bool may_wait(std::size_t part) const;
  void wake_after(const gpu::fence& fence);
  void save_layer(const gpu::fence& computed);

  enum class phase : std::uint8_t { starting, idle, layers, finishing };
  phase at = phase::idle;
  step_order order;
  std::vector<bool> dropped;
  std::vector<std::vector<gpu::fence>> awaited;  ///< by part: loads that the device waits for itself
  answer<step_result> result;
  bool others_wait = false;  ///< a turn that is not in the step could go on
  std::uint32_t layer = 0;

  std::int64_t steps = 0, tokens = 0, compute_us = 0, late_parts = 0;
};

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<gpu::backend> backend);

}  // namespace chromatin
