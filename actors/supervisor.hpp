#pragma once

/// The supervisor: watches every actor. A tier or the prefetcher that dies is taken out of the hierarchy at once, so that turns go
/// on without it, and started again after a pause that doubles with every death. A part without which no turn can run ends the
/// process's service: `on_fatal` is called once, with what died and why.

#include <functional>
#include <map>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

/// What to do about a part that died. Both functions run in the supervisor.
struct restart_plan {
  std::function<void()> take_out;                 ///< tells those that use the part
  std::function<caf::strong_actor_ptr()> start;   ///< spawns it anew and puts it back in its place; null: cannot be restarted
};

struct supervisor_state {
  static inline const char* name = "supervisor";

  struct part {
    caf::strong_actor_ptr actor;
    caf::timespan pause{};
    std::int64_t restarts = 0;
  };

  explicit supervisor_state(supervisor_actor::stateful_pointer<supervisor_state> owner) : self{owner} {}

  void watch(const std::string& part_name, const caf::strong_actor_ptr& actor);
  void on_down(const caf::actor_addr& who, const caf::error& reason);
  void restart(const std::string& part_name);
  counters stats() const;

  supervisor_actor::stateful_pointer<supervisor_state> self;
  std::map<std::string, restart_plan> plans;
  std::function<void(const std::string&)> on_fatal;
  std::map<std::string, part> parts;
};

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::map<std::string, restart_plan> plans,
                                           std::function<void(const std::string&)> on_fatal);

}  // namespace chromatin
