#pragma once

/// Telemetry: gathers every actor's counters when asked; who asks meanwhile gets the same answer. Holds no counter of
/// its own.

#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"
#include "actors/answer.hpp"

namespace chromatin {

struct telemetry_state {
  static inline const char* name = "telemetry";

  explicit telemetry_state(telemetry_actor::stateful_pointer<telemetry_state> owner) : self{owner} {}

  caf::result<std::vector<counters>> ask();
  void attach(const std::string& part, const caf::strong_actor_ptr& actor);

  telemetry_actor::stateful_pointer<telemetry_state> self;
  std::vector<std::pair<std::string, measured_actor>> parts;  ///< in order of attachment
  std::vector<answer<std::vector<counters>>> waiting;         ///< for what is being gathered

 private:
  void gather();
};

telemetry_actor::behavior_type telemetry(telemetry_actor::stateful_pointer<telemetry_state> self);

}  // namespace chromatin
