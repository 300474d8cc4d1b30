#pragma once

/// The supervisor: watches every actor. A tier or the prefetcher that dies is started again after a pause that doubles
/// with every death; those above it have noticed by themselves and go on without it meanwhile. A part without which no
/// turn can run ends the process's service: `on_fatal` is called, with what died and why.

#include <functional>
#include <map>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

/// Starts a part anew and puts it back in its place. Runs in the supervisor.
using restart = std::function<caf::strong_actor_ptr()>;

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
  void start_again(const std::string& part_name);
  counters stats() const;

  supervisor_actor::stateful_pointer<supervisor_state> self;
  std::map<std::string, restart> restarts;
  std::function<void(const std::string&)> on_fatal;
  std::map<std::string, part> parts;
};

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::map<std::string, restart> restarts,
                                           std::function<void(const std::string&)> on_fatal);

}  // namespace chromatin
