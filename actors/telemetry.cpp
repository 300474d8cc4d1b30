#include "actors/telemetry.hpp"

#include <algorithm>
#include <chrono>

namespace chromatin {
namespace {

constexpr auto answer_within = std::chrono::seconds{2};

}  // namespace

caf::result<std::vector<counters>> telemetry_state::ask() {
  if (parts.empty()) return std::vector<counters>{};
  auto promise = self->make_response_promise<std::vector<counters>>();
  waiting.emplace_back(promise);
  if (waiting.size() == 1) gather();
  return promise;
}

void telemetry_state::gather() {
  struct gathering {
    std::vector<counters> answers;
    std::size_t missing;
  };
  auto all = std::make_shared<gathering>(gathering{std::vector<counters>(parts.size()), parts.size()});
  auto one_less = [this, all] {
    if (--all->missing > 0) return;
    std::erase_if(all->answers, [](const counters& c) { return c.values.empty(); });
    for (auto& who : std::exchange(waiting, {})) who.deliver(all->answers);
  };
  for (std::size_t i = 0; i < parts.size(); ++i) {
    self->request(parts[i].second, answer_within, atom::stats_v)
        .then(
            [this, all, one_less, i](const counters& counted) {
              all->answers[i] = counted;
              all->answers[i].part = parts[i].first;
              one_less();
            },
            [one_less](const caf::error&) { one_less(); });
  }
}

void telemetry_state::attach(const std::string& part, const caf::strong_actor_ptr& actor) {
  auto handle = caf::actor_cast<measured_actor>(actor);
  auto known = std::find_if(parts.begin(), parts.end(), [&](const auto& p) { return p.first == part; });
  if (known == parts.end())
    parts.emplace_back(part, handle);
  else
    known->second = handle;
}

telemetry_actor::behavior_type telemetry(telemetry_actor::stateful_pointer<telemetry_state> self) {
  auto& state = self->state;
  return {
      [&state](atom::stats) { return state.ask(); },
      [&state](atom::attach, const std::string& part, const caf::strong_actor_ptr& actor) {
        state.attach(part, actor);
      },
  };
}

}  // namespace chromatin
