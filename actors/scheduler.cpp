#include "actors/scheduler.hpp"

#include <algorithm>
#include <chrono>

namespace chromatin {
namespace {

/// Turns that a hint looks ahead.
constexpr std::size_t hint_turns_max = 64;
/// A load may take this much longer than recomputing before it is given up: a disk has bad moments.
constexpr auto load_grace = std::chrono::milliseconds{500};
/// The executor decodes by itself for about this long at most; meanwhile nobody is admitted and nothing is streamed.
constexpr double decode_burst_us = 2000;

std::vector<kv::link> reusable_chain(const kv::lineage& window) {
  kv::growing_chain chain;
  return kv::reusable_of(window, chain).settled();
}

caf::timespan from_us(double us) { return std::chrono::microseconds{static_cast<std::int64_t>(us)}; }

}  // namespace

// -- one turn --

std::vector<chunk> sequence::completed_by(std::uint32_t count) const {
  auto first = computed / kv::tokens_per_chunk;
  auto last = (computed + count) / kv::tokens_per_chunk;
  std::vector<chunk> result;
  if (!order.reuse || first == last) return result;
  auto links = kv::chain(order.window, last * kv::tokens_per_chunk);
  for (auto i = first; i < last; ++i) result.push_back({links[i], i, pages[i], nullptr});
  return result;
}

chunk sequence::open_tail() const {
  if (!order.reuse || pages.empty() || computed % kv::tokens_per_chunk == 0) return {};
  auto depth = computed / kv::tokens_per_chunk;
  return {kv::chain(order.window, computed).back(), depth, pages[depth], nullptr};
}

std::uint32_t sequence::prompt_tokens() const {
  return static_cast<std::uint32_t>(tokens().size()) - (outcome.answer.empty() ? 0 : 1);
}

// -- the queue --

caf::result<turn_outcome> scheduler_state::take(turn_order order) {
  if (order.window.tokens.empty()) return caf::make_error(ec::invalid_argument, "a turn needs at least one token");
  if (turns.contains(order.turn)) return caf::make_error(ec::invalid_argument, "this turn is running already");
  if (order.window.tokens.size() >= checkpoint->config.context)
    return caf::make_error(ec::context_full, "the prompt has " + std::to_string(order.window.tokens.size()) +
                                                 " tokens, the model's context " +
                                                 std::to_string(checkpoint->config.context));
  if (queue.size() >= limits.queue_max) {
    ++turns_refused;
    return caf::make_error(ec::overloaded, std::to_string(queue.size()) + " turns are waiting; try again later");
  }
  auto id = order.turn;
  auto promise = self->make_response_promise<turn_outcome>();
  auto& s = turns[id];
  s.promise = promise;
  s.received = self->clock().now();
  s.sampler = std::make_shared<model::sampler>(order.sampling);
  s.stream = std::make_unique<model::text_stream>(checkpoint->tokenizer, order.sampling.stop);
  s.order = std::move(order);
  if (s.order.reuse) s.reuse = reusable_chain(s.order.window);
  auto less_urgent = [&](turn_id other) { return turns.at(other).order.priority < s.order.priority; };
  queue.insert(std::find_if(queue.begin(), queue.end(), less_urgent), id);
  send_hints();
  admit_more();
  return promise;
}

void scheduler_state::cancel(turn_id id) {
  auto found = turns.find(id);
  if (found == turns.end()) return;
  auto& s = found->second;
  s.cancelled = true;
  if (s.at == sequence::phase::queued) {
    fail(id, caf::make_error(ec::cancelled, "the turn was cancelled before it began"));
  } else if (s.at == sequence::phase::admitting) {
    self->send(device, atom::release_v, release_order{.turn = id});
  } else if (!stepping) {
    finish(id, stop_reason::cancelled);
  }  // otherwise at the end of the step
}

void scheduler_state::send_hints() {
  if (listeners.empty()) return;
  hints next;
  double starts_in_us = 0;
  for (auto id : queue) {
    if (next.upcoming.size() == hint_turns_max) break;
    const auto& s = turns.at(id);
    kv::upcoming_turn upcoming{.conversation = s.order.conversation,
                               .starts_in_us = static_cast<std::int64_t>(starts_in_us),
                               .priority = s.order.priority};
    for (const auto& link : s.reuse) upcoming.keys.push_back(link.key);
    next.upcoming.push_back(std::move(upcoming));
    next.links.push_back(s.reuse);
    starts_in_us += turn_us;
  }
  for (const auto& listener : listeners) self->send(listener, atom::hint_v, next);
}

// -- admission --

void scheduler_state::admit_more() {
  bool changed = false;
  while (!queue.empty() && running.size() + admitting < limits.batch_max) {
    auto& s = turns.at(queue.front());
    queue.pop_front();
    changed = true;
    admit(s);
  }
  if (changed) send_hints();
}

void scheduler_state::admit(sequence& s) {
  auto id = s.order.turn;
  auto rest = s.order.sampling.tokens_max - s.outcome.statistics.answer_tokens;
  auto longest = std::min<std::size_t>(s.tokens().size() + rest, checkpoint->config.context);
  admission a{.turn = id, .reuse = s.reuse, .pages = kv::chunks_for(longest), .may_load = s.load_failures == 0};
  a.load_deadline = from_us(prefill_us_per_token * s.prompt_tokens()) + load_grace;
  s.at = sequence::phase::admitting;
  ++admitting;
  self->request(device, caf::infinite, atom::admit_v, std::move(a))
      .then([this, id](admitted& granted) { on_admitted(id, granted); },
            [this, id](const caf::error& error) { on_refused(id, error); });
}

void scheduler_state::on_refused(turn_id id, const caf::error& error) {
  --admitting;
  auto& s = turns.at(id);
  if (s.outcome.answer.empty()) return fail(id, error);
  // In mid-answer, between two block tables: what was answered stays.
  finish(id, s.cancelled ? stop_reason::cancelled : stop_reason::context_full);
}

void scheduler_state::on_admitted(turn_id id, admitted& granted) {
  --admitting;
  auto& s = turns.at(id);
  s.at = sequence::phase::running;
  s.pages = std::move(granted.pages);
  s.loading = std::move(granted.loading);
  s.computed = granted.reused_tokens;
  auto& statistics = s.outcome.statistics;
  for (std::size_t i = 0; i < cache_sources; ++i)
    statistics.hit_tokens[i] = s.before.hit_tokens[i] + granted.hit_tokens[i];
  statistics.prompt_tokens = s.before.prompt_tokens + s.prompt_tokens();
  statistics.computed_tokens = s.before.computed_tokens + s.prompt_tokens() - granted.reused_tokens;
  if (s.outcome.answer.empty()) statistics.queued_us = since(s.received);
  running.push_back(id);
  if (s.cancelled) finish(id, stop_reason::cancelled);
  run_step();
}

// -- steps --

step_order scheduler_state::build_step() {
  step_order step;
  auto budget = limits.step_tokens_max;
  auto is_decoding = [](const sequence& s) { return s.computed + 1 == s.tokens().size(); };
  for (bool decoding : {true, false}) {  // nobody's next token waits for somebody else's prompt
    for (auto id : running) {
      auto& s = turns.at(id);
      if (is_decoding(s) != decoding) continue;
      auto count = std::min(budget, static_cast<std::uint32_t>(s.tokens().size()) - s.computed);
      if (count > 0) add_part(step, s, count);
      budget -= count;
    }
  }
  return step;
}

void scheduler_state::add_part(step_order& step, sequence& s, std::uint32_t count) {
  const auto& tokens = s.tokens();
  step_part part{.turn = s.order.turn, .position = s.computed, .pages = s.pages, .loading = s.loading};
  part.tokens.assign(tokens.begin() + s.computed, tokens.begin() + s.computed + count);
  part.completed = s.completed_by(count);
  if (s.computed + count == tokens.size()) part.sampler = s.sampler;
  step.parts.push_back(std::move(part));
}

void scheduler_state::run_step() {
  if (stepping || running.empty()) return;
  auto step = build_step();
  std::vector<turn_id> ids;
  std::vector<std::uint32_t> counts;
  for (const auto& part : step.parts) {
    ids.push_back(part.turn);
    counts.push_back(static_cast<std::uint32_t>(part.tokens.size()));
  }
  step.decode_steps = decode_steps(step);
  step.ends = checkpoint->config.end_of_answer;
  stepping = true;
  self->request(executor, caf::infinite, atom::step_v, std::move(step))
      .then([=, this](const step_result& result) { on_step(ids, counts, result); },
            [=, this](const caf::error& error) { on_step_error(ids, error); });
}

void scheduler_state::on_step(const std::vector<turn_id>& ids, const std::vector<std::uint32_t>& counts,
                              const step_result& result) {
  stepping = false;
  std::uint32_t tokens = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto& s = turns.at(ids[i]);
    if (result.parts[i].failed) {
      ++load_failures;
      ++s.load_failures;
      std::erase(running, ids[i]);
      release_pages(s, false);
      admit(s);
      continue;
    }
    tokens += counts[i];
    s.loading = nullptr;
    take_part(ids[i], counts[i], result.parts[i].tokens);
  }
  learn(result, tokens);
  run_step();
  admit_more();
}

void scheduler_state::take_part(turn_id id, std::uint32_t count, const std::vector<kv::token_id>& tokens) {
  auto& s = turns.at(id);
  s.computed += count;
  if (s.cancelled) return finish(id, stop_reason::cancelled);
  for (std::size_t i = 0; i < tokens.size() && turns.contains(id); ++i) {
    if (i > 0) ++s.computed;  // the executor took the token before as its next input
    take_token(s, tokens[i]);
  }
}

std::uint32_t scheduler_state::decode_steps(const step_order& step) const {
  if (decode_step_us <= 0) return 1;
  auto steps = std::min(limits.decode_steps_max, static_cast<std::uint32_t>(decode_burst_us / decode_step_us) + 1);
  for (const auto& part : step.parts) {
    const auto& s = turns.at(part.turn);
    if (part.tokens.size() > 1 || !part.sampler || part.loading) return 1;
    steps = std::min({steps, std::max(1u, kv::tokens_per_chunk - 1 - part.position % kv::tokens_per_chunk),
                      s.order.sampling.tokens_max - s.outcome.statistics.answer_tokens,
                      checkpoint->config.context - part.position - 1});
  }
  return std::max(steps, 1u);
}

void scheduler_state::on_step_error(const std::vector<turn_id>& ids, const caf::error& error) {
  stepping = false;
  for (auto id : ids) fail(id, error);
  run_step();
  admit_more();
}

void scheduler_state::take_token(sequence& s, kv::token_id token) {
  auto id = s.order.turn;
  auto& statistics = s.outcome.statistics;
  if (s.outcome.answer.empty()) statistics.first_token_us = since(s.received);
  s.outcome.answer.push_back(token);
  s.order.window.tokens.push_back(token);
  ++statistics.answer_tokens;
  if (checkpoint->config.is_end_of_answer(token) && !s.order.sampling.ignore_end_of_answer)
    return finish(id, stop_reason::end_of_answer);
  auto text = s.stream->push(token);
  s.outcome.text += text;
  if (!text.empty() && s.order.sink) s.order.sink->text(text);
  if (s.stream->stopped()) return finish(id, stop_reason::stop_string);
  if (statistics.answer_tokens >= s.order.sampling.tokens_max) return finish(id, stop_reason::tokens_max);
  if (s.tokens().size() >= checkpoint->config.context && !shorten_window(s)) finish(id, stop_reason::context_full);
}

bool scheduler_state::shorten_window(sequence& s) {
  auto window = s.order.window;
  window.settled = s.order.reuse ? s.computed : 0;
  auto dropped = kv::make_room(window, checkpoint->config.context - 1, limits.overflow);
  if (window.tokens.size() >= checkpoint->config.context) return false;
  release_pages(s, true);
  std::erase(running, s.order.turn);
  s.order.window = std::move(window);
  s.computed = s.order.window.settled;
  s.reuse = s.order.reuse ? reusable_chain(s.order.window) : std::vector<kv::link>{};
  s.before = s.outcome.statistics;
  s.outcome.statistics.dropped_tokens += dropped;
  admit(s);
  return true;
}

// -- the end of a turn --

void scheduler_state::finish(turn_id id, stop_reason reason) {
  auto node = turns.extract(id);
  auto& s = node.mapped();
  std::erase(running, id);
  auto rest = s.stream->finish();
  s.outcome.text += rest;
  if (!rest.empty() && s.order.sink) s.order.sink->text(rest);
  s.outcome.settled = s.order.reuse ? s.computed : 0;
  auto& statistics = s.outcome.statistics;
  if (statistics.dropped_tokens > 0) s.outcome.window = s.order.window;
  statistics.stopped = reason;
  statistics.total_us = since(s.received);
  release_pages(s, true);
  ++turns_done;
  tokens_computed += statistics.computed_tokens;
  tokens_reused += statistics.prompt_tokens - statistics.computed_tokens;
  tokens_answered += statistics.answer_tokens;
  tokens_dropped += statistics.dropped_tokens;
  turn_us += 0.1 * (static_cast<double>(statistics.total_us - statistics.queued_us) / limits.batch_max - turn_us);
  s.promise.deliver(std::move(s.outcome));
}

void scheduler_state::fail(turn_id id, const caf::error& error) {
  auto node = turns.extract(id);
  if (node.empty()) return;
  auto& s = node.mapped();
  std::erase(running, id);
  if (s.at == sequence::phase::queued) {
    std::erase(queue, id);
    send_hints();
  } else {
    release_pages(s, false);
  }
  ++turns_failed;
  s.promise.deliver(error);
}

void scheduler_state::release_pages(sequence& s, bool keep_tail) {
  release_order order{.turn = s.order.turn};
  if (keep_tail) order.tail = s.open_tail();
  bool had_tail = !s.reuse.empty() && s.reuse.back().fill < kv::tokens_per_chunk;
  if (!s.pages.empty() && keep_tail && had_tail && order.tail.link.key != s.reuse.back().key)
    order.superseded = s.reuse.back().key;
  s.pages.clear();
  s.loading = nullptr;
  self->send(device, atom::release_v, std::move(order));
}

void scheduler_state::learn(const step_result& result, std::uint32_t tokens) {
  constexpr std::uint32_t prefill_tokens_min = 32;
  if (tokens < prefill_tokens_min) {
    if (result.parts.front().tokens.empty()) return;
    auto step_us =
        std::max(1.0, static_cast<double>(result.compute_us) / static_cast<double>(result.parts.front().tokens.size()));
    decode_step_us = decode_step_us > 0 ? decode_step_us + 0.3 * (step_us - decode_step_us) : step_us;
    return;
  }
  auto us = static_cast<double>(result.compute_us) / tokens;
  prefill_us_per_token += 0.1 * (us - prefill_us_per_token);
}

std::int64_t scheduler_state::since(caf::actor_clock::time_point then) const {
  return std::chrono::duration_cast<std::chrono::microseconds>(self->clock().now() - then).count();
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
           {"load_failures", load_failures},
           {"prefill_us_per_token", static_cast<std::int64_t>(prefill_us_per_token)}}};
}

scheduler_actor::behavior_type scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
                                         std::shared_ptr<const model::checkpoint> checkpoint, executor_actor executor,
                                         device_tier_actor device, scheduler_limits limits) {
  auto& state = self->state;
  state.checkpoint = std::move(checkpoint);
  state.executor = std::move(executor);
  state.device = std::move(device);
  state.limits = limits;
  return {
      [&state](atom::turn, turn_order order) { return state.take(std::move(order)); },
      [&state](atom::cancel, turn_id id) { state.cancel(id); },
      [&state](atom::attach, const prefetcher_actor& listener) { state.listeners = {listener}; },
      [&state](atom::stats) { return state.stats(); },
  };
}

}  // namespace chromatin
