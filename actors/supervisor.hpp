#pragma once

/// The supervisor: watches every part, and starts what died again, within a budget.
///
/// A part that dies is started again after a pause that doubles with every death; those that used it have noticed by
/// themselves and go on without it meanwhile. One that dies too often is taken out: it is tried again now and then, and
/// is back with the first start that succeeds. An operator takes a part out, and puts it back, by hand. A part that has
/// no way to be started again, or whose budget is spent and without which no turn can run, ends the process's service.

#include <deque>
#include <functional>
#include <map>
#include <string>

#include <caf/expected.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/actors.hpp"

namespace chromatin {

/// How a part is kept up. The functions run in the supervisor, which may block for a while.
struct part_care {
  /// Starts the part anew, if what it stands on is in order, and puts it back in its place.
  std::function<caf::expected<caf::strong_actor_ptr>()> start;
  /// The part will be away for long: those that used it are to be connected without it. Null: turns need the part, and
  /// it is never taken out.
  std::function<void()> leave;
  std::uint32_t deaths_max = 5;  ///< within `within`; after one more it is taken out
  caf::timespan within = std::chrono::minutes{10};
  caf::timespan pause_min = std::chrono::milliseconds{100}, pause_max = std::chrono::seconds{30};
  caf::timespan tried_every = std::chrono::minutes{1};  ///< while it is out
};

struct supervisor_state {
  static inline const char* name = "supervisor";

  enum class standing : std::uint8_t {
    up,
    pausing,   ///< died; its start is due after a pause
    out,       ///< died too often; it is tried now and then
    detached,  ///< taken out by hand
    lost,      ///< nobody starts it again
  };
  struct part {
    caf::strong_actor_ptr actor;
    standing at = standing::up;
    std::deque<caf::actor_clock::time_point> deaths;  ///< those that still count
    std::string why;                                  ///< it died last
    caf::actor_clock::time_point since{};             ///< it is as it is
    std::uint64_t changes = 0;                        ///< tells a start that is due from an earlier one
    std::int64_t restarts = 0;
  };

  explicit supervisor_state(supervisor_actor::stateful_pointer<supervisor_state> owner) : self{owner} {}

  void watch(const std::string& part_name, const caf::strong_actor_ptr& actor);
  void on_down(const caf::actor_addr& who, const caf::error& reason);
  void on_due(const std::string& part_name, std::uint64_t change);
  caf::result<void> detach(const std::string& part_name);
  caf::result<void> attach(const std::string& part_name);
  counters stats() const;

  supervisor_actor::stateful_pointer<supervisor_state> self;
  std::map<std::string, part_care> cares;
  std::function<void(const std::string& part, const std::string& why)> on_fatal;
  std::map<std::string, part> parts;

 private:
  void died(const std::string& part_name, part& dead, const caf::error& reason);
  caf::error start(const std::string& part_name, part& p);
  void change(part& p, standing to);
  void start_after(const std::string& part_name, const part& p, caf::timespan pause);
  std::string describe(const std::string& part_name, const part& p) const;
  /// Empty if the part can be taken out.
  caf::error cannot_be_out(const std::string& part_name) const;
};

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::map<std::string, part_care> cares,
                                           std::function<void(const std::string&, const std::string&)> on_fatal);

}  // namespace chromatin
