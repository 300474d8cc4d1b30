#include "actors/supervisor.hpp"

#include <algorithm>
#include <chrono>

#include <spdlog/spdlog.h>

namespace chromatin {
namespace {

constexpr caf::timespan pause_min = std::chrono::milliseconds{100};
constexpr caf::timespan pause_max = std::chrono::seconds{30};

}  // namespace

void supervisor_state::watch(const std::string& part_name, const caf::strong_actor_ptr& actor) {
  parts[part_name].actor = actor;
  self->monitor(actor);
}

void supervisor_state::on_down(const caf::actor_addr& who, const caf::error& reason) {
  auto is_it = [&](const auto& p) { return p.second.actor == who; };
  auto found = std::find_if(parts.begin(), parts.end(), is_it);
  if (found == parts.end()) return;
  auto& [part_name, dead] = *found;
  dead.actor = nullptr;
  if (!restarts.contains(part_name)) {
    if (on_fatal) on_fatal(part_name + " died: " + explain(reason));
    return;
  }
  dead.pause = std::clamp(dead.pause * 2, pause_min, pause_max);
  spdlog::warn("{} died: {}; turns go on without it, it is started again in {} ms", part_name, explain(reason),
               std::chrono::duration_cast<std::chrono::milliseconds>(dead.pause).count());
  self->delayed_send(self, dead.pause, atom::internal_v, atom::proceed_v, part_name);
}

void supervisor_state::start_again(const std::string& part_name) {
  auto& p = parts[part_name];
  ++p.restarts;
  watch(part_name, restarts.at(part_name)());
  spdlog::info("{} is back", part_name);
}

counters supervisor_state::stats() const {
  counters result{name, {}};
  for (const auto& [part_name, p] : parts) {
    result.values.emplace_back(part_name + "_up", p.actor ? 1 : 0);
    result.values.emplace_back(part_name + "_restarts", p.restarts);
  }
  return result;
}

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::map<std::string, restart> restarts,
                                           std::function<void(const std::string&)> on_fatal) {
  auto& state = self->state;
  state.restarts = std::move(restarts);
  state.on_fatal = std::move(on_fatal);
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source, down.reason); });
  return {
      [&state](atom::attach, const std::string& part_name, const caf::strong_actor_ptr& actor) {
        state.watch(part_name, actor);
      },
      [&state](atom::internal, atom::proceed, const std::string& part_name) { state.start_again(part_name); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
