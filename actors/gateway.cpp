#include "actors/gateway.hpp"

#include <algorithm>
#include <chrono>

#include "actors/last_words.hpp"

namespace chromatin {
namespace {

/// What a message costs the registry beside its text: so many of a tenant are there at a time that others wait little.
constexpr std::size_t message_costs_bytes = 4096;
/// A server that stops is usually there again soon.
constexpr std::chrono::milliseconds restart_takes{2'000};

}  // namespace

void early_cancels::add(turn_id id) {
  if (!ids_.insert(id).second) return;
  order_.push_back(id);
  if (order_.size() <= size_max) return;
  ids_.erase(order_.front());
  order_.pop_front();
}

// -- a turn --

caf::error gateway_state::cancelled() const {
  return stopping ? come_back(ec::not_available, "the server is stopping", restart_takes)
                  : caf::make_error(ec::cancelled, "the client went away");
}

caf::error gateway_state::for_client(const caf::error& error) const {
  if (error != ec::overloaded || retry_after(error)) return error;
  auto text = error.context().match_elements<std::string>() ? error.context().get_as<std::string>(0) : std::string{};
  return come_back(ec::overloaded, text, turns_take.retry_after());
}

caf::result<turn_statistics> gateway_state::say(say_request request, std::shared_ptr<token_sink> sink) {
  auto id = request.turn;
  if (stopping || early.take(id)) return cancelled();
  if (auto error = check(request)) return error;
  if (turns.contains(id)) return caf::make_error(ec::invalid_argument, "this turn is running already");
  auto promise = self->make_response_promise<turn_statistics>();
  auto conversation = request.conversation;
  auto messages = std::move(request.before);
  messages.push_back({"user", std::move(request.text)});
  ++turns_begun;
  auto& tenant = tenants[conversation.tenant];
  ++tenant.begun;
  ++tenant.under_way;
  auto& turn = turns.emplace(id, running_turn{std::move(request), answer<turn_statistics>{promise}}).first->second;
  turn.begun = self->clock().now();
  append(id, std::move(messages), std::move(sink));
  return promise;
}

void gateway_state::append(turn_id id, message_list messages, std::shared_ptr<token_sink> sink) {
  auto conversation = turns.at(id).request.conversation;
  std::size_t bytes = 0;
  for (const auto& m : messages) bytes += m.content.size() + message_costs_bytes;
  if (const auto& plain = turns.at(id).request.plain) bytes += plain->text.size() + message_costs_bytes;
  auto go = [this, id, conversation, messages = std::move(messages), sink = std::move(sink), bytes]() mutable {
    auto arrived = [this, tenant = conversation.tenant, bytes] { texts.arrived(tenant, bytes); };
    auto turn = turns.find(id);
    if (turn == turns.end() || turn->second.cancelled) {  // while it waited
      arrived();
      return fail(id, cancelled());
    }
    auto done = [=, this](prepared_turn& prepared) {
      arrived();
      start(id, prepared, sink);
    };
    std::function<void()> again;
    if (archivist && limits.on_archived == archived_turn::wait && !turn->second.request.plain)
      again = [=, this] { append(id, messages, sink); };
    auto failed = [=, this](const caf::error& error) {
      arrived();
      error == ec::archived ? archived(id, error, again) : fail(id, error);
    };
    if (auto& plain = turn->second.request.plain)
      self->request(registry, caf::infinite, atom::append_v, conversation, std::move(*plain)).then(done, failed);
    else if (auto known = turn->second.request.known)
      self->request(registry, caf::infinite, atom::append_v, std::move(conversation), id, std::move(messages), *known)
          .then(done, failed);
    else
      self->request(registry, caf::infinite, atom::append_v, std::move(conversation), id, std::move(messages))
          .then(done, failed);
  };
  texts.send(conversation.tenant, bytes, std::move(go));
}

caf::result<conversation_info> gateway_state::open(const conversation_ref& which, const std::string& system_prompt) {
  if (auto error = limits.check_name("conversation", which.id)) return error;
  if (auto error = limits.check_text("messages", system_prompt)) return error;
  auto bytes = system_prompt.size() + message_costs_bytes;
  auto done = std::make_shared<answer<conversation_info>>(self->make_response_promise<conversation_info>());
  texts.send(which.tenant, bytes, [=, this] {
    auto arrived = [this, tenant = which.tenant, bytes] { texts.arrived(tenant, bytes); };
    self->request(registry, caf::infinite, atom::open_v, which, system_prompt)
        .then(
            [=](conversation_info& info) {
              arrived();
              done->deliver(std::move(info));
            },
            [=, this](const caf::error& error) {
              arrived();
              with_ticket(which, error, [done](const caf::error& told) { done->deliver(told); });
            });
  });
  return caf::delegated<conversation_info>{};
}

void gateway_state::start(turn_id id, prepared_turn& prepared, std::shared_ptr<token_sink> sink) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto& turn = found->second;
  turn.dropped_tokens = prepared.dropped_tokens;
  if (turn.cancelled) return give_up(id, cancelled());
  const auto& request = turn.request;
  auto conversation_id = request.conversation.id;
  if (request.plain) conversation_id = std::to_string(id) + '\n';  // no conversation has this name
  auto conversation = hash_of({request.conversation.tenant, conversation_id});
  turn_order order{.turn = id,
                   .conversation = conversation,
                   .window = std::move(prepared.window),
                   .sampling = request.sampling,
                   .client = std::hash<std::string>{}(request.client),
                   .connection = request.connection,
                   .priority = request.priority,
                   .keep = {request.keep.priority, std::min(request.keep.ttl_us, limits.keep_us_max)},
                   .reuse = request.reuse,
                   .sink = std::move(sink)};
  turn.at = running_turn::phase::scheduled;
  self->request(scheduler, caf::infinite, atom::turn_v, std::move(order))
      .then([this, id](turn_outcome& outcome) { settle(id, outcome); },
            [this, id](const caf::error& error) { give_up(id, error); });
}

void gateway_state::settle(turn_id id, turn_outcome& outcome) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto& turn = found->second;
  if (outcome.answer.empty())
    return give_up(id, cancelled(), {.settled = outcome.settled, .also_saved = std::move(outcome.also_saved)});
  auto statistics = outcome.statistics;
  statistics.dropped_tokens += turn.dropped_tokens;
  turn.at = running_turn::phase::settling;
  if (turn.request.plain) return settled(id, statistics);
  self->request(registry, caf::infinite, atom::settle_v, settlement{turn.request.conversation, id, std::move(outcome)})
      .then(
          [this, id, statistics](const conversation_info& info) mutable {
            statistics.messages = info.messages;
            settled(id, statistics);
          },
          [this, id](const caf::error& error) { fail(id, error); });
}

void gateway_state::settled(turn_id id, const turn_statistics& statistics) {
  auto node = turns.extract(id);
  if (node.empty()) return;
  ++turns_done;
  auto& tenant = tenants[node.mapped().request.conversation.tenant];
  --tenant.under_way;
  ++tenant.done;
  tenant.prompt_tokens += statistics.prompt_tokens;
  tenant.answer_tokens += statistics.answer_tokens;
  turns_take.took(self->clock().now() - node.mapped().begun);
  if (statistics.stopped == stop_reason::cancelled) ++turns_cancelled;
  node.mapped().promise.deliver(statistics);
  ended();
}

void gateway_state::give_up(turn_id id, const caf::error& error, abandoned_turn end) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto refused = {ec::overloaded, ec::no_room, ec::context_full, ec::invalid_argument};
  end.computed = found->second.at == running_turn::phase::scheduled &&
                 std::none_of(refused.begin(), refused.end(), [&](ec code) { return error == code; });
  end.conversation = found->second.request.conversation;
  end.turn = id;
  self->send(registry, atom::release_v, std::move(end));
  fail(id, error);
}

void gateway_state::fail(turn_id id, const caf::error& error) {
  auto node = turns.extract(id);
  if (node.empty()) return;
  ++turns_failed;
  auto& tenant = tenants[node.mapped().request.conversation.tenant];
  --tenant.under_way;
  ++tenant.failed;
  if (node.mapped().cancelled) ++turns_cancelled;
  node.mapped().promise.deliver(for_client(error));
  ended();
}

void gateway_state::cancel(turn_id id) {
  auto found = turns.find(id);
  if (found == turns.end()) return early.add(id);
  found->second.cancelled = true;
  if (found->second.recalling) return fail(id, cancelled());
  self->send(scheduler, atom::cancel_v, id);
}

caf::result<turn_views> gateway_state::list() {
  auto done = std::make_shared<answer<turn_views>>(self->make_response_promise<turn_views>());
  self->request(scheduler, caf::infinite, atom::list_v)
      .then(
          [this, done](turn_views& all) {
            for (auto& view : all)
              if (auto turn = turns.find(view.turn); turn != turns.end())
                view.conversation = turn->second.request.conversation;
            done->deliver(std::move(all));
          },
          [done](const caf::error& error) { done->deliver(error); });
  return caf::delegated<turn_views>{};
}

// -- the end --

void gateway_state::ended() {
  if (!turns.empty()) return;
  for (auto& who : std::exchange(stopped, {})) who.deliver(turns_stopped);
}

void gateway_state::cancel_all() {
  std::vector<turn_id> all;
  for (const auto& [id, turn] : turns) all.push_back(id);
  for (auto id : all) cancel(id);  // which may end it
}

caf::result<std::uint32_t> gateway_state::stop(caf::timespan grace) {
  stopping = true;
  turns_stopped = static_cast<std::uint32_t>(turns.size());
  if (turns.empty()) return turns_stopped;
  if (grace.count() > 0)
    self->delayed_send(self, grace, atom::internal_v, atom::stop_v);
  else
    cancel_all();
  auto promise = self->make_response_promise<std::uint32_t>();
  stopped.emplace_back(promise);
  return promise;
}

void gateway_state::on_down(const caf::actor_addr& who) {
  bool without_registry = registry == who;
  std::vector<turn_id> lost;
  for (const auto& [id, turn] : turns)
    if (without_registry || turn.at == running_turn::phase::scheduled) lost.push_back(id);
  auto error =
      caf::make_error(ec::not_available, std::string{without_registry ? "the registry" : "the scheduler"} + " died");
  for (auto id : lost) give_up(id, error);
}

template <class... Message>
caf::result<void> gateway_state::forget(Message... message) {
  auto done = std::make_shared<answer<caf::unit_t>>(self->make_response_promise<caf::unit_t>());
  self->request(registry, caf::infinite, message...)
      .then(
          [this, done](key_list& chunks) {
            if (tiers && !chunks.empty()) self->send(tiers, atom::erase_v, std::move(chunks));
            done->deliver(caf::unit);
          },
          [done](const caf::error& error) { done->deliver(error); });
  return caf::delegated<void>{};
}

counters gateway_state::stats() const {
  return {name,
          {{"turns_under_way", static_cast<std::int64_t>(turns.size())},
           {"turns_begun", turns_begun},
           {"turns_done", turns_done},
           {"turns_failed", turns_failed},
           {"turns_cancelled", turns_cancelled}}};
}

counters gateway_state::stats_of(const std::string& tenant) const {
  auto found = tenants.find(tenant);
  auto count = found == tenants.end() ? tenant_counts{} : found->second;
  return {"tenant",
          {{"turns_under_way", count.under_way},
           {"turns_begun", count.begun},
           {"turns_done", count.done},
           {"turns_failed", count.failed},
           {"prompt_tokens", count.prompt_tokens},
           {"answer_tokens", count.answer_tokens}}};
}

gateway_actor::behavior_type gateway(gateway_actor::stateful_pointer<gateway_state> self, registry_actor registry,
                                     scheduler_actor scheduler, eraser_actor tiers, gateway_limits limits) {
  auto& state = self->state;
  state.registry = std::move(registry);
  state.scheduler = std::move(scheduler);
  state.tiers = std::move(tiers);
  state.limits = limits;
  keep_last_words(self);
  self->monitor(state.registry);
  self->monitor(state.scheduler);
  self->set_down_handler([&state](const caf::down_msg& down) { state.on_down(down.source); });
  using info = caf::result<conversation_info>;
  return {
      [&state](atom::open, const conversation_ref& conversation, const std::string& system_prompt) {
        return state.open(conversation, system_prompt);
      },
      [&state](atom::say, say_request request, std::shared_ptr<token_sink> sink) {
        return state.say(std::move(request), std::move(sink));
      },
      [&state](atom::cancel, turn_id id) { state.cancel(id); },
      [&state](atom::truncate, const conversation_ref& conversation, std::uint32_t protect, double ratio) -> info {
        if (!(ratio > 0 && ratio <= 1))
          return wrong_field("ratio", ec::invalid_argument, "the ratio must be above 0, at most 1");
        return state.self->delegate(state.registry, atom::truncate_v, conversation, protect, ratio);
      },
      [&state](atom::fork, const conversation_ref& conversation, const std::string& id,
               std::uint32_t messages) -> info {
        if (auto error = state.limits.check_name("id", id)) return error;
        return state.self->delegate(state.registry, atom::fork_v, conversation, id, messages);
      },
      [&state](atom::fork, const conversation_ref& conversation, const std::string& id) -> info {
        if (auto error = state.limits.check_name("id", id)) return error;
        return state.self->delegate(state.registry, atom::fork_v, conversation, id, all_messages);
      },
      [&state](atom::forget, const conversation_ref& conversation) {
        return state.forget(atom::forget_v, conversation);
      },
      [&state](atom::point, const std::string& tenant, const std::string& name, const conversation_point& point)
          -> caf::result<void> { return state.self->delegate(state.registry, atom::point_v, tenant, name, point); },
      [&state](atom::point, const std::string& tenant, const std::string& name) -> caf::result<conversation_point> {
        return state.self->delegate(state.registry, atom::point_v, tenant, name);
      },
      [&state](atom::point, atom::forget, const std::string& tenant, const std::string& name) {
        return state.forget(atom::point_v, atom::forget_v, tenant, name);
      },
      [&state](atom::label, const conversation_ref& which) -> caf::result<conversation_label> {
        return state.self->delegate(state.registry, atom::label_v, which);
      },
      [&state](atom::label, const conversation_ref& which,
               const std::string& metadata) -> caf::result<conversation_label> {
        if (auto error = state.limits.check_text("metadata", metadata)) return error;
        return state.self->delegate(state.registry, atom::label_v, which, metadata);
      },
      [&state](atom::list, const std::string& tenant, const std::string& after,
               std::uint32_t count) -> caf::result<conversation_list> {
        return state.self->delegate(state.registry, atom::list_v, tenant, after,
                                    std::min(count, state.limits.page_max));
      },
      [&state](atom::list, const std::string& tenant, std::uint32_t count) -> caf::result<conversation_list> {
        return state.self->delegate(state.registry, atom::list_v, tenant, std::min(count, state.limits.page_max));
      },
      [&state](atom::read, const conversation_ref& conversation, std::uint32_t first,
               std::uint32_t count) -> caf::result<transcript> {
        return state.self->delegate(state.registry, atom::read_v, conversation, first,
                                    std::min(count, state.limits.page_max));
      },
      [&state](atom::lookup, const conversation_ref& conversation) -> caf::result<key_list> {
        return state.self->delegate(state.registry, atom::lookup_v, conversation);
      },
      [&state](atom::archive, const conversation_ref& which, bool kv) { return state.archive(which, kv); },
      [&state](atom::recall, const conversation_ref& which, bool kv) { return state.recall(which, kv); },
      [&state](atom::archive, atom::list, const std::string& tenant) { return state.list_archive(tenant); },
      [&state](atom::attach, const archivist_actor& archivist) { state.archivist = archivist; },
      [&state](atom::list) { return state.list(); },
      [&state](atom::match, const std::string& tenant, const std::string& salt,
               const message_list& messages) -> caf::result<matched_conversation> {
        if (auto error = state.limits.check_salt(salt)) return error;
        if (auto error = state.check(messages)) return error;
        return state.self->delegate(state.registry, atom::match_v, tenant, salt, messages);
      },
      [&state](atom::stop, caf::timespan grace) { return state.stop(grace); },
      [&state](atom::internal, atom::stop) { state.cancel_all(); },
      [&state](atom::stats, const std::string& tenant) { return state.stats_of(tenant); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
