#pragma once

/// Telemetry: gathers every actor's counters when asked; who asks meanwhile gets the same answer. Asks every tier what
/// it has of some chunks. Holds no counter of its own.

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
  caf::result<chunk_places> lookup(const key_list& keys);
  void attach(const std::string& part, const caf::strong_actor_ptr& actor);
  void attach(const std::string& tier, const chunk_holder_actor& actor);

  telemetry_actor::stateful_pointer<telemetry_state> self;
  std::vector<std::pair<std::string, measured_actor>> parts;      ///< in order of attachment
  std::vector<std::pair<std::string, chunk_holder_actor>> tiers;  ///< from the device down
  std::vector<answer<std::vector<counters>>> waiting;             ///< for what is being gathered
};

telemetry_actor::behavior_type telemetry(telemetry_actor::stateful_pointer<telemetry_state> self);

}  // namespace chromatin
