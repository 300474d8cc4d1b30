#include "actors/telemetry.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

namespace chromatin {
namespace {

constexpr auto answer_within = std::chrono::seconds{2};

template <class Actor>
using named = std::vector<std::pair<std::string, Actor>>;

template <class Actor>
void put(named<Actor>& all, const std::string& name, const Actor& actor) {
  auto known = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == name; });
  if (known == all.end())
    all.emplace_back(name, actor);
  else
    known->second = actor;
}

/// Asks all of them the same; `done` gets their names and answers, in their order, of those that answered in time.
template <class T, class Actor, class Done, class... Message>
void ask_all(telemetry_actor::pointer self, const named<Actor>& all, Done done, const Message&... message) {
  struct gathering {
    std::vector<std::optional<T>> answers;
    std::vector<std::string> names;
    std::size_t missing;
  };
  auto into = std::make_shared<gathering>(gathering{std::vector<std::optional<T>>(all.size()), {}, all.size()});
  for (const auto& [name, actor] : all) into->names.push_back(name);
  auto one_less = [into, done] {
    if (--into->missing > 0) return;
    std::vector<std::pair<std::string, T>> answered;
    for (std::size_t i = 0; i < into->answers.size(); ++i)
      if (auto& one = into->answers[i]) answered.emplace_back(std::move(into->names[i]), *std::move(one));
    done(std::move(answered));
  };
  for (std::size_t i = 0; i < all.size(); ++i)
    self->request(all[i].second, answer_within, message...)
        .then(
            [into, one_less, i](const T& answer) {
              into->answers[i] = answer;
              one_less();
            },
            [one_less](const caf::error&) { one_less(); });
}

}  // namespace

caf::result<std::vector<counters>> telemetry_state::ask() {
  if (parts.empty()) return std::vector<counters>{};
  auto promise = self->make_response_promise<std::vector<counters>>();
  waiting.emplace_back(promise);
  if (waiting.size() > 1) return promise;
  auto tell = [this](std::vector<std::pair<std::string, counters>> answered) {
    std::vector<counters> all;
    for (auto& [part, counted] : answered) {
      counted.part = std::move(part);
      all.push_back(std::move(counted));
    }
    for (auto& who : std::exchange(waiting, {})) who.deliver(all);
  };
  ask_all<counters>(self, parts, tell, atom::stats_v);
  return promise;
}

caf::result<chunk_places> telemetry_state::lookup(const key_list& keys) {
  if (tiers.empty()) return chunk_places{};
  auto promise = std::make_shared<answer<chunk_places>>(self->make_response_promise<chunk_places>());
  auto tell = [promise](std::vector<std::pair<std::string, presence_list>> answered) {
    chunk_places places;
    for (auto& [tier, chunks] : answered) places.push_back({std::move(tier), std::move(chunks)});
    promise->deliver(std::move(places));
  };
  ask_all<presence_list>(self, tiers, tell, atom::lookup_v, keys);
  return caf::delegated<chunk_places>{};
}

void telemetry_state::attach(const std::string& part, const caf::strong_actor_ptr& actor) {
  put(parts, part, caf::actor_cast<measured_actor>(actor));
}

void telemetry_state::attach(const std::string& tier, const chunk_holder_actor& actor) { put(tiers, tier, actor); }

telemetry_actor::behavior_type telemetry(telemetry_actor::stateful_pointer<telemetry_state> self) {
  auto& state = self->state;
  return {
      [&state](atom::stats) { return state.ask(); },
      [&state](atom::lookup, const key_list& keys) { return state.lookup(keys); },
      [&state](atom::attach, const std::string& tier, const chunk_holder_actor& actor) { state.attach(tier, actor); },
      [&state](atom::attach, const std::string& part, const caf::strong_actor_ptr& actor) {
        state.attach(part, actor);
      },
  };
}

}  // namespace chromatin
