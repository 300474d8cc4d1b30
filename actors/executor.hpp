#pragma once

/// The executor: drives one backend, a step at a time, layer by layer (CachedAttention §3.2.1).
///
/// Before a layer it waits until the layer's slices of every loading sequence are in place; after a layer it hands the
/// slices of chunks that the step filled up to the device tier. Waiting is returning to the mailbox: `ready` and
/// `failed` messages resume. Runs detached, since a layer computes for long; in deterministic runs it is spawned like
/// any other actor.

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

struct executor_state {
  static inline const char* name = "executor";

  explicit executor_state(executor_actor::stateful_pointer<executor_state> owner) : self{owner} {}

  caf::result<step_result> step(step_order order);
  /// Runs layers as far as they are loaded; delivers the result after the last one.
  void advance();
  counters stats() const;

  executor_actor::stateful_pointer<executor_state> self;
  std::shared_ptr<gpu::backend> backend;
  device_tier_actor device;

 private:
  /// Gives the order's parts to the backend.
  void begin_step();
  bool layer_loaded();
  void save_layer();
  /// Samples; true when the order asks for one more step, which then has begun.
  bool sample_and_continue();
  void deliver();

  bool running = false;
  step_order order;
  std::vector<std::vector<std::byte*>> tables;  ///< block tables of the parts, as the backend wants them
  std::vector<bool> failed;
  std::vector<step_result::part> results;
  std::uint32_t steps_done = 0;  ///< of this order
  caf::typed_response_promise<step_result> promise;
  std::uint32_t layer = 0;
  caf::actor_clock::time_point begun{};
  caf::actor_clock::time_point waiting_since{};  ///< zero when not waiting
  caf::timespan waited{};

  std::int64_t steps = 0, tokens = 0, compute_us = 0, load_wait_us = 0;
};

executor_actor::behavior_type executor(executor_actor::stateful_pointer<executor_state> self,
                                       std::shared_ptr<gpu::backend> backend);

}  // namespace chromatin
