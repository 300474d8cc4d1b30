#include "actors/supervisor.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace chromatin {
namespace {

std::int64_t whole_milliseconds(caf::timespan t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t).count();
}
std::int64_t whole_seconds(caf::timespan t) { return std::chrono::duration_cast<std::chrono::seconds>(t).count(); }

}  // namespace

void supervisor_state::change(part& p, standing to) {
  p.at = to;
  p.since = self->clock().now();
  ++p.changes;
}

void supervisor_state::watch(const std::string& part_name, const caf::strong_actor_ptr& actor) {
  auto& p = parts[part_name];
  p.actor = actor;
  change(p, standing::up);
  self->monitor(actor);
}

void supervisor_state::on_down(const caf::actor_addr& who, const caf::error& reason) {
  auto is_it = [&](const auto& p) { return p.second.actor == who; };
  auto found = std::find_if(parts.begin(), parts.end(), is_it);
  if (found != parts.end()) died(found->first, found->second, reason);
}

void supervisor_state::died(const std::string& part_name, part& dead, const caf::error& reason) {
  dead.actor = nullptr;
  dead.why = explain(reason);
  auto known = cares.find(part_name);
  if (known == cares.end()) {
    change(dead, standing::lost);
    if (on_fatal) on_fatal(part_name, "died: " + dead.why);
    return;
  }
  const auto& care = known->second;
  auto now = self->clock().now();
  dead.deaths.push_back(now);
  while (now - dead.deaths.front() > care.within) dead.deaths.pop_front();
  auto deaths = dead.deaths.size();
  if (deaths <= care.deaths_max) {
    auto pause = std::min(care.pause_min * (1 << std::min<std::size_t>(deaths - 1, 20)), care.pause_max);
    change(dead, standing::pausing);
    spdlog::warn("{} died: {}; it is started again in {} ms", part_name, dead.why, whole_milliseconds(pause));
    return start_after(part_name, dead, pause);
  }
  auto often =
      fmt::format("died {} times within {} s, the last time of: {}", deaths, whole_seconds(care.within), dead.why);
  if (!care.leave) {
    change(dead, standing::lost);
    if (on_fatal) on_fatal(part_name, often);
    return;
  }
  bool was_out = dead.at == standing::out;
  change(dead, standing::out);
  if (!was_out) {
    spdlog::error("{} {}; it is taken out, and tried every {} s", part_name, often, whole_seconds(care.tried_every));
    care.leave();
  }
  start_after(part_name, dead, care.tried_every);
}

void supervisor_state::start_after(const std::string& part_name, const part& p, caf::timespan pause) {
  self->delayed_send(self, pause, atom::internal_v, atom::proceed_v, part_name, p.changes);
}

void supervisor_state::on_due(const std::string& part_name, std::uint64_t change) {
  auto& p = parts[part_name];
  if (p.changes != change) return;  // an operator was faster
  if (auto failed = start(part_name, p)) died(part_name, p, failed);
}

caf::error supervisor_state::start(const std::string& part_name, part& p) {
  auto started = cares.at(part_name).start();
  if (!started) return started.error();
  ++p.restarts;
  watch(part_name, *started);
  spdlog::info("{} is back", part_name);
  return {};
}

// -- by hand --

caf::error supervisor_state::cannot_be_out(const std::string& part_name) const {
  if (auto care = cares.find(part_name); care != cares.end() && care->second.leave && parts.contains(part_name))
    return {};
  std::string others;
  for (const auto& [other, care] : cares)
    if (care.leave && parts.contains(other)) others += (others.empty() ? "" : ", ") + other;
  return caf::make_error(ec::invalid_argument,
                         fmt::format("`{}` cannot be taken out and put back; these can: {}", part_name, others));
}

caf::result<void> supervisor_state::detach(const std::string& part_name) {
  if (auto error = cannot_be_out(part_name)) return error;
  auto& p = parts.at(part_name);
  if (p.at == standing::detached) return caf::unit;
  if (auto actor = std::exchange(p.actor, nullptr)) {
    self->demonitor(actor->address());
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  }
  p.why = "an operator took it out";
  change(p, standing::detached);
  cares.at(part_name).leave();
  spdlog::warn("{} is taken out by hand", part_name);
  return caf::unit;
}

caf::result<void> supervisor_state::attach(const std::string& part_name) {
  if (auto error = cannot_be_out(part_name)) return error;
  auto& p = parts.at(part_name);
  if (p.at == standing::up) return caf::unit;
  if (auto failed = start(part_name, p)) return failed;
  p.deaths.clear();
  return caf::unit;
}

// -- what is known --

std::string supervisor_state::describe(const std::string& part_name, const part& p) const {
  static constexpr const char* words[] = {"up", "is started again", "is out, and tried now and then", "is out",
                                          "is lost"};
  return fmt::format("{} {}: {} ({} s ago)", part_name, words[static_cast<int>(p.at)], p.why,
                     whole_seconds(self->clock().now() - p.since));
}

counters supervisor_state::stats() const {
  counters result{name, {}, {}};
  for (const auto& [part_name, p] : parts) {
    result.values.emplace_back(part_name + "_up", p.at == standing::up ? 1 : 0);
    result.values.emplace_back(part_name + "_restarts", p.restarts);
    if (p.at != standing::up) result.notes.push_back(describe(part_name, p));
  }
  return result;
}

supervisor_actor::behavior_type supervisor(supervisor_actor::stateful_pointer<supervisor_state> self,
                                           std::map<std::string, part_care> cares,
                                           std::function<void(const std::string&, const std::string&)> on_fatal) {
  auto& state = self->state;
  state.cares = std::move(cares);
  state.on_fatal = std::move(on_fatal);
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source, down.reason); });
  return {
      [&state](atom::attach, const std::string& part_name, const caf::strong_actor_ptr& actor) {
        state.watch(part_name, actor);
      },
      [&state](atom::internal, atom::proceed, const std::string& part_name, std::uint64_t change) {
        state.on_due(part_name, change);
      },
      [&state](atom::detach, const std::string& part_name) { return state.detach(part_name); },
      [&state](atom::attach, const std::string& part_name) { return state.attach(part_name); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
