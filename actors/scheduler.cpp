#include "actors/scheduler.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace chromatin {
namespace {

/// A load may take this much longer than recomputing before it is given up: a disk has bad moments.
constexpr auto load_grace = std::chrono::milliseconds{500};
/// Loads that are tried for a turn before it computes everything that the device does not have.
constexpr std::uint32_t load_failures_max = 3;

caf::timespan from_us(double us) { return std::chrono::microseconds{static_cast<std::int64_t>(us)}; }

}  // namespace

// -- the queue --

caf::result<turn_outcome> scheduler_state::take(turn_order order) {
  if (dead) return dead;
  if (order.window.tokens.empty()) return caf::make_error(ec::invalid_argument, "a turn needs at least one token");
  if (turns.contains(order.turn)) return caf::make_error(ec::invalid_argument, "this turn is running already");
  if (order.window.tokens.size() >= checkpoint->config.context)
    return wrong_field("messages", ec::context_full,
                       fmt::format("the prompt has {} tokens, the model's context {}", order.window.tokens.size(),
                                   checkpoint->config.context));
  for (auto [token, bias] : order.sampling.biases)
    if (token >= checkpoint->config.vocabulary)
      return wrong_field("logit_bias", ec::invalid_argument,
                         fmt::format("a bias is of token {}; the model has {}", token, checkpoint->config.vocabulary));
  if (queue.size() >= limits.queue_max) {
    ++turns_refused;
    return caf::make_error(ec::overloaded, std::to_string(queue.size()) + " turns are waiting; try again later");
  }
  auto promise = self->make_response_promise<turn_outcome>();
  auto& s = turns[order.turn];
  s.result = answer{promise};
  s.arrival = ++arrivals;
  s.received = self->clock().now();
  s.begin(std::move(order), checkpoint->tokenizer);
  enqueue(s);
  admit_next();
  return promise;
}

void scheduler_state::enqueue(sequence& s) {
  queue.insert(s);
  send_hints();
}

void scheduler_state::leave_queue(const sequence& s) {
  queue.ended(s);
  if (s.at == sequence::phase::waiting) send_hints();
}

/// What comes first is told at every change of the queue. All of it is told when a part of it has changed, so that the
/// work for a change does not grow with the queue: who decides what may go does not miss a few at the end.
void scheduler_state::send_hints() {
  constexpr std::size_t first_turns = 64, changed_part = 16;
  bool whole = ++changes_unsaid * changed_part >= queue.size();
  if (whole) changes_unsaid = 0;
  bool full = running.size() >= limits.batch_max || queue.has_denied();
  turn_queue::outlook foreseen{.turn_us = speed.turn_us(),
                               .first_us = full ? speed.turn_us() : 0,
                               .cost = [this](const sequence& s) { return cost_of(s, false); }};
  auto next = queue.look_ahead(whole ? queue.size() : first_turns, foreseen, self->clock().now());
  if (next.whole) self->send(device, atom::hint_v, next);
  if (prefetcher) self->send(prefetcher, atom::hint_v, std::move(next));
}

kv::recompute_cost scheduler_state::cost_of(const sequence& s, bool alone) const {
  // Kept chunks cannot be computed again from this window, unless it may start afresh; then it does without them.
  auto kept = s.order.window.kept_tokens;
  bool computable = kept == 0 || limits.overflow.history_tokens_max == 0;
  if (!limits.loading.recomputes || !computable || !speed.knows_prefill()) return {};
  // A turn that loads has a place in the batch meanwhile; one that computes stops all of the batch, and so all who
  // wait.
  auto waiting = static_cast<double>(queue.size() - 1);  // beside itself
  auto holds_up = (1 + waiting) / (1 + waiting / limits.batch_max);
  return {.us_per_token = holds_up * speed.prefill_us_per_token(),
          .head_tokens = kept,
          .beside_tokens = alone && limits.loading.by_layer ? limits.step_tokens_max : 0};
}

void scheduler_state::cancel(turn_id id) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto& s = found->second;
  s.cancelled = true;
  if (s.at != sequence::phase::admitting && !s.in_step) finish(id, stop_reason::cancelled);
}

// -- admission --

void scheduler_state::admit_next() {
  if (asking != 0 || queue.empty() || dead) return;
  auto starved = [this](turn_id id) { return turns.at(id).starved; };
  if (std::any_of(running.begin(), running.end(), starved)) return;  // who runs gets free pages first
  auto now = self->clock().now();
  auto* s = queue.candidate(limits.passed_over_max, now);
  if (!s) return;
  if (running.size() < limits.batch_max) return ask(*s);
  auto* last = last_in_order(false, &s->order.client);
  if (last && !last->gives_way && queue.urgency(*last, now) < queue.urgency(*s, now)) return preempt(*last);
  if (auto* beyond = beyond_its_share(*s)) preempt(*beyond);
}

void scheduler_state::ask(sequence& s) {
  auto id = s.order.turn;
  auto tokens = std::min<std::size_t>(s.tokens().size() + (s.later.empty() ? 1 : 0), tokens_max(s));
  admission a{.turn = id, .chain = s.reusable(), .pages = kv::chunks_for(tokens), .use = s.use(now_us())};
  a.may_load = s.may_load && s.load_failures < load_failures_max;
  a.tokens = static_cast<std::uint32_t>(s.tokens().size());
  a.recompute = cost_of(s, running.empty());
  a.load_deadline = from_us(speed.prefill_us_per_token() * s.tokens_to_recompute()) + load_grace;
  s.at = sequence::phase::admitting;
  asking = id;
  self->request(device, caf::infinite, atom::admit_v, std::move(a))
      .then([this, id](admitted& granted) { on_admitted(id, granted); },
            [this](const caf::error& error) {
              asking = 0;
              on_down(error);
            });
}

void scheduler_state::on_admitted(turn_id id, admitted& granted) {
  asking = 0;
  if (dead) return;
  auto& s = turns.at(id);
  s.at = sequence::phase::waiting;
  if (granted.missing_pages > 0) {
    if (s.cancelled) return finish(id, stop_reason::cancelled);
    return on_denied(s);
  }
  queue.admitted(s, self->clock().now());
  send_hints();
  running.push_back(id);
  auto loading = granted.loading;
  auto resident = granted.resident_tokens;
  s.take(std::move(granted));
  s.at = loading ? sequence::phase::promising : sequence::phase::running;
  if (s.outcome.answer.empty() && s.outcome.statistics.queued_us == 0)
    s.outcome.statistics.queued_us = since(s.received);
  s.before_admission = s.outcome.statistics;
  add_hit(s.outcome.statistics.hits, "device", resident);
  if (s.cancelled) return finish(id, stop_reason::cancelled);
  if (!loading) begin(s);
  admit_next();
}

void scheduler_state::on_promised(turn_id id, load_promise& promise) {
  auto found = turns.find(id);
  if (found == turns.end() || found->second.at != sequence::phase::promising) return;  // of an earlier admission
  auto& s = found->second;
  s.at = sequence::phase::running;
  s.loading = std::move(promise.progress);
  s.load_begun = self->clock().now();
  s.computed += promise.tokens;
  for (const auto& [tier, tokens] : promise.hits) add_hit(s.outcome.statistics.hits, tier, tokens);
  begin(s);
}

/// The turn knows what of its window it reuses.
void scheduler_state::begin(sequence& s) {
  if (s.computed < s.order.window.kept_tokens) {
    // Kept chunks are gone. What the window alone would give is something else.
    ++rebuilds;
    spdlog::debug("scheduler: turn {}: chunks that a truncation kept are lost; an earlier window is computed again",
                  s.order.turn);
    s.forget_admission();
    release(s, false);
    s.rebuild();
    enqueue(s);
    return admit_next();
  }
  auto& statistics = s.outcome.statistics;
  s.reused = s.computed;
  s.grown_from =
      s.computed % kv::tokens_per_chunk != 0 ? s.chain.tail(s.order.window, s.computed).key : kv::chunk_key{};
  statistics.prompt_tokens += s.prompt_tokens();
  statistics.computed_tokens += s.prompt_tokens() - s.computed;
  run_step();
}

void scheduler_state::on_load_lost(turn_id id, bool late) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto& s = found->second;
  if (!s.loading || !s.loading->failed()) return;  // of an earlier admission
  if (late) s.may_load = false;
  if (s.in_step)
    s.load_lost = true;
  else
    start_again(s);
}

/// Its load was lost: it takes what is there now.
void scheduler_state::start_again(sequence& s) {
  ++load_failures;
  ++s.load_failures;
  s.forget_admission();
  release(s, false);
  if (s.cancelled) return finish(s.order.turn, stop_reason::cancelled);
  enqueue(s);
  admit_next();
}

// -- the end of a turn --

void scheduler_state::finish(turn_id id, stop_reason reason) {
  auto& s = turns.at(id);
  if (s.outcome.answer.empty()) return fail(id, caf::make_error(ec::cancelled, "the turn was cancelled"));
  s.give(s.stream->finish());
  auto& statistics = s.outcome.statistics;
  statistics.stopped = reason;
  statistics.total_us = since(s.received);
  s.outcome.kept_answer_tokens = static_cast<std::uint32_t>(s.outcome.answer.size());
  leave_queue(s);
  if (!s.later.empty()) {  // the end came while it computed an earlier window
    if (s.has_pages()) release(s, false);
    s.order.window = std::move(s.later.back());
  }
  if (s.full_window) {  // it made room for a token that never came
    if (s.has_pages()) release(s, false);
    statistics.dropped_tokens -= static_cast<std::uint32_t>(s.full_window->tokens.size() - s.tokens().size());
    s.order.window = *std::move(s.full_window);
  }
  // The model has seen all but the last token, whether that is still in the cache or not.
  auto seen = s.order.window.settled = static_cast<std::uint32_t>(s.tokens().size()) - 1;
  if (reason == stop_reason::stop_string) {
    s.cut_stop_string(checkpoint->tokenizer);
    seen = s.order.window.settled;
  }
  if (s.has_pages()) release(s, s.reuse_arrived());
  s.outcome.settled = s.order.window.settled = s.order.reuse ? seen : 0;
  if (s.window_changed) s.outcome.window = std::move(s.order.window);
  ++turns_done;
  tokens_computed += statistics.computed_tokens;
  tokens_reused += statistics.prompt_tokens - statistics.computed_tokens;
  tokens_answered += statistics.answer_tokens;
  tokens_dropped += statistics.dropped_tokens;
  first_tokens_us += statistics.first_token_us;
  recomputing_us +=
      statistics.queued_us + static_cast<std::int64_t>(speed.prefill_us_per_token() * statistics.prompt_tokens);
  speed.turn_ended(static_cast<double>(statistics.total_us - statistics.queued_us), limits.batch_max);
  auto node = turns.extract(id);
  node.mapped().result.deliver(std::move(node.mapped().outcome));
  admit_next();
}

void scheduler_state::fail(turn_id id, const caf::error& error) {
  auto& s = turns.at(id);
  leave_queue(s);
  if (s.has_pages()) release(s, false);
  ++turns_failed;
  turns.extract(id).mapped().result.deliver(error);
  admit_next();
}

void scheduler_state::on_down(const caf::error& reason) {
  if (dead) return;
  dead = caf::make_error(ec::not_available, "no turn can run: " + explain(reason));
  queue.clear();
  running.clear();
  for (auto& [id, s] : std::exchange(turns, {})) s.result.deliver(dead);
}

std::int64_t scheduler_state::since(caf::actor_clock::time_point then) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now() - then).count();
}

std::int64_t scheduler_state::now_us() const { return since({}); }

turn_views scheduler_state::list() {
  constexpr std::size_t shown = 256;
  auto now = self->clock().now();
  std::vector<const sequence*> all;
  for (auto id : running) all.push_back(&turns.at(id));
  std::ranges::sort(all, [this](const auto* a, const auto* b) { return before(*a, *b); });
  for (const auto* s : queue.in_order(shown, now)) all.push_back(s);
  turn_views views;
  for (const auto* s : all) views.push_back(s->view(now));
  return views;
}

counters scheduler_state::stats() const {
  return {name,
          {{"turns_waiting", static_cast<std::int64_t>(queue.size())},
           {"turns_running", static_cast<std::int64_t>(running.size())},
           {"turns_done", turns_done},
           {"turns_failed", turns_failed},
           {"turns_refused", turns_refused},
           {"prompt_tokens_computed", tokens_computed},
           {"prompt_tokens_reused", tokens_reused},
           {"answer_tokens", tokens_answered},
           {"window_tokens_dropped", tokens_dropped},
           {"first_tokens_us", first_tokens_us},
           {"recomputing_us", recomputing_us},
           {"load_failures", load_failures},
           {"preemptions", preemptions},
           {"windows_rebuilt", rebuilds},
           {"prefill_us_per_token", static_cast<std::int64_t>(speed.prefill_us_per_token())}}};
}

scheduler_actor::behavior_type scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
                                         std::shared_ptr<const model::checkpoint> checkpoint, executor_actor executor,
                                         device_tier_actor device, scheduler_limits limits) {
  auto& state = self->state;
  state.checkpoint = std::move(checkpoint);
  state.executor = std::move(executor);
  state.device = std::move(device);
  state.limits = limits;
  self->monitor(state.executor);
  self->monitor(state.device);
  self->set_down_handler([&state](const caf::down_msg& down) {
    if (down.source == state.device.address()) return state.on_down(down.reason);
    if (state.executor && down.source == state.executor.address()) state.on_executor_down(down.reason);
  });
  return {
      [&state](atom::promised, turn_id id, load_promise promise) { state.on_promised(id, promise); },
      [&state](atom::ready, turn_id, std::uint32_t) { state.run_step(); },
      [&state](atom::failed, turn_id id) { state.on_load_lost(id, false); },
      [&state](atom::late, turn_id id) { state.on_load_lost(id, true); },
      [&state](atom::room) { state.on_room(); },
      [&state](atom::turn, turn_order order) { return state.take(std::move(order)); },
      [&state](atom::cancel, turn_id id) { state.cancel(id); },
      [&state](atom::list) { return state.list(); },
      [&state](atom::attach, const prefetcher_actor& prefetcher) { state.prefetcher = prefetcher; },
      [&state](atom::attach, executor_actor other) { state.attach(std::move(other)); },
      [&state](atom::detach) { state.on_no_executor(); },
      [&state](atom::internal, atom::late, std::uint64_t which) { state.on_executor_late(which); },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
