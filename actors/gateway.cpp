#include "actors/gateway.hpp"

#include <algorithm>
#include <string_view>

#include "model/utf8.hpp"

namespace chromatin {

caf::error gateway_state::check(const conversation_ref& conversation) const {
  auto printable = [](char c) { return c > ' ' && c < 127; };
  const auto& id = conversation.id;
  if (id.empty() || id.size() > limits.name_bytes_max || !std::all_of(id.begin(), id.end(), printable))
    return caf::make_error(ec::invalid_argument, "a conversation's name has 1 to " +
                                                     std::to_string(limits.name_bytes_max) +
                                                     " printable ASCII characters without spaces");
  return {};
}

caf::error gateway_state::check_text(const std::string& text) const {
  if (text.size() > limits.message_bytes_max)
    return caf::make_error(ec::too_large, "the message has " + std::to_string(text.size()) + " bytes, the limit is " +
                                              std::to_string(limits.message_bytes_max));
  if (!model::valid_utf8(text)) return caf::make_error(ec::invalid_text, "the message is not valid UTF-8");
  return {};
}

caf::error gateway_state::check(const say_request& request) const {
  if (auto error = check(request.conversation)) return error;
  if (auto error = check_text(request.text)) return error;
  const auto& sampling = request.sampling;
  if (!(sampling.temperature >= 0 && sampling.temperature <= 100))
    return caf::make_error(ec::invalid_argument, "temperature must be between 0 and 100");
  if (!(sampling.top_p > 0 && sampling.top_p <= 1))
    return caf::make_error(ec::invalid_argument, "top_p must be above 0, at most 1");
  if (sampling.tokens_max == 0 || sampling.tokens_max > limits.answer_tokens_max)
    return caf::make_error(ec::invalid_argument,
                           "an answer has 1 to " + std::to_string(limits.answer_tokens_max) + " tokens");
  if (sampling.stop.size() > limits.stop_strings_max ||
      std::any_of(sampling.stop.begin(), sampling.stop.end(), [](const auto& text) { return text.empty(); }))
    return caf::make_error(ec::invalid_argument,
                           "at most " + std::to_string(limits.stop_strings_max) + " stop strings, none of them empty");
  return {};
}

caf::result<turn_statistics> gateway_state::say(say_request request, std::shared_ptr<token_sink> sink) {
  if (auto error = check(request)) return error;
  auto id = request.turn;
  if (turns.contains(id)) return caf::make_error(ec::invalid_argument, "this turn is running already");
  auto promise = self->make_response_promise<turn_statistics>();
  auto conversation = request.conversation;
  auto text = request.text;
  ++turns_begun;
  turns.emplace(id, running_turn{std::move(request), promise});
  self->request(registry, caf::infinite, atom::append_v, std::move(conversation), std::move(text))
      .then([this, id, sink](prepared_turn& prepared) mutable { start(id, prepared, std::move(sink)); },
            [this, id](const caf::error& error) { fail(id, error); });
  return promise;
}

void gateway_state::start(turn_id id, prepared_turn& prepared, std::shared_ptr<token_sink> sink) {
  auto& turn = turns.at(id);
  turn.dropped_tokens = prepared.dropped_tokens;
  if (turn.cancelled) return give_up(id, caf::make_error(ec::cancelled, "the client went away"));
  const auto& request = turn.request;
  auto conversation = std::hash<std::string>{}(request.conversation.tenant + '\n' + request.conversation.id);
  turn_order order{.turn = id,
                   .conversation = conversation,
                   .window = std::move(prepared.window),
                   .sampling = request.sampling,
                   .priority = request.priority,
                   .reuse = request.reuse,
                   .sink = std::move(sink)};
  auto version = prepared.version;
  self->request(scheduler, caf::infinite, atom::turn_v, std::move(order))
      .then([this, id, version](turn_outcome& outcome) { settle(id, version, outcome); },
            [this, id](const caf::error& error) { give_up(id, error); });
}

void gateway_state::settle(turn_id id, std::uint64_t version, turn_outcome& outcome) {
  auto& turn = turns.at(id);
  if (outcome.answer.empty()) return give_up(id, caf::make_error(ec::cancelled, "the turn was cancelled"));
  auto statistics = outcome.statistics;
  statistics.dropped_tokens += turn.dropped_tokens;
  self->request(registry, caf::infinite, atom::settle_v,
                settlement{turn.request.conversation, version, std::move(outcome)})
      .then(
          [this, id, statistics](const conversation_info&) {
            auto node = turns.extract(id);
            ++turns_done;
            if (statistics.stopped == stop_reason::cancelled) ++turns_cancelled;
            node.mapped().promise.deliver(statistics);
          },
          [this, id](const caf::error& error) { fail(id, error); });
}

void gateway_state::give_up(turn_id id, const caf::error& error) {
  self->send(registry, atom::release_v, turns.at(id).request.conversation);
  fail(id, error);
}

void gateway_state::fail(turn_id id, const caf::error& error) {
  auto node = turns.extract(id);
  ++turns_failed;
  if (node.mapped().cancelled) ++turns_cancelled;
  node.mapped().promise.deliver(error);
}

void gateway_state::cancel(turn_id id) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  found->second.cancelled = true;
  self->send(scheduler, atom::cancel_v, id);
}

counters gateway_state::stats() const {
  return {name,
          {{"turns_under_way", static_cast<std::int64_t>(turns.size())},
           {"turns_begun", turns_begun},
           {"turns_done", turns_done},
           {"turns_failed", turns_failed},
           {"turns_cancelled", turns_cancelled}}};
}

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self, registry_actor registry,
                                     scheduler_actor scheduler, gateway_limits limits) {
  auto& state = self->state;
  state.registry = std::move(registry);
  state.scheduler = std::move(scheduler);
  state.limits = limits;
  using info = caf::result<conversation_info>;
  return {
      [&state](atom::open, const conversation_ref& conversation, const std::string& system_prompt) -> info {
        if (auto error = state.check(conversation)) return error;
        if (auto error = state.check_text(system_prompt)) return error;
        return state.self->delegate(state.registry, atom::open_v, conversation, system_prompt);
      },
      [&state](atom::say, say_request request, std::shared_ptr<token_sink> sink) {
        return state.say(std::move(request), std::move(sink));
      },
      [&state](atom::cancel, turn_id id) { state.cancel(id); },
      [&state](atom::truncate, const conversation_ref& conversation, std::uint32_t protect, double ratio) -> info {
        if (!(ratio > 0 && ratio <= 1))
          return caf::make_error(ec::invalid_argument, "the ratio must be above 0, at most 1");
        return state.self->delegate(state.registry, atom::truncate_v, conversation, protect, ratio);
      },
      [&state](atom::fork, const conversation_ref& conversation, const std::string& id) -> info {
        if (auto error = state.check(conversation_ref{conversation.tenant, id})) return error;
        return state.self->delegate(state.registry, atom::fork_v, conversation, id);
      },
      [&state](atom::forget, const conversation_ref& conversation) -> caf::result<void> {
        return state.self->delegate(state.registry, atom::forget_v, conversation);
      },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
