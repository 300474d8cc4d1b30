// How the turns that run take part in steps, and what a step gives each of them: a part of the scheduler.

#include <algorithm>
#include <chrono>

#include "actors/scheduler.hpp"

namespace chromatin {
namespace {

/// Steps, one after the other, that a turn may be in while the executor dies: it may be what kills it.
constexpr std::uint32_t steps_lost_max = 1;
/// A supervisor brings the next executor sooner, or ends the process.
constexpr auto executor_within = std::chrono::seconds{30};

}  // namespace

/// A step may wait for a load as long as it holds up nobody.
void scheduler_state::hurry_step() {
  auto is_held_up = [this](turn_id id) { return turns.at(id).held_up(); };
  if (std::any_of(running.begin(), running.end(), is_held_up)) self->send(executor, atom::hurry_v);
}

/// Running turns of clients that have not had more of the steps than their share.
std::vector<sequence*> scheduler_state::candidates() {
  std::vector<sequence*> all;
  ready.clear();
  for (auto id : running) {
    if (!limits.loading.by_layer && turns.at(id).loading) continue;
    all.push_back(&turns.at(id));
    grow(*all.back());
    if (all.back()->held_up()) ready.insert(all.back()->order.client);
  }
  auto out = shares.sitting_out(ready);
  std::erase_if(all, [&](const auto* s) { return out.contains(s->order.client); });
  return all;
}

void scheduler_state::run_step() {
  if (running.empty() || dead || !executor) return;
  if (stepping) return hurry_step();
  for (auto id : std::vector<turn_id>{running}) {
    auto& s = turns.at(id);
    if (s.loading && s.loading->arrived()) s.loading = nullptr;
    bool full = s.decoding() && s.tokens().size() >= checkpoint->config.context;
    if (full && s.at == sequence::phase::running && !s.loading) shorten_window(s);
  }
  auto parts = plan_step(candidates(), limits.step_tokens_max, speed, checkpoint->config.context, self->clock().now());
  if (parts.empty()) return;
  step_order step{.parts = {}, .decode_steps = 1, .ends = checkpoint->config.end_of_answer};
  std::vector<const sequence*> in_step;
  for (const auto& p : parts) {
    auto& s = turns.at(p.turn);
    s.in_step = true;
    in_step.push_back(&s);
    step.parts.push_back(s.next_part(p.tokens));
  }
  step.decode_steps = std::min(limits.decode_steps_max, decode_burst(in_step, speed, checkpoint->config.context));
  stepping = true;
  self->request(executor, caf::infinite, atom::step_v, std::move(step))
      .then([=, this](step_result& result) { on_step(parts, result); },
            [this, who = executor](const caf::error& error) {
              if (executor == who) on_executor_down(error);
            });
}

void scheduler_state::on_step(const std::vector<planned_part>& parts, step_result& result) {
  if (dead) return;
  std::uint32_t tokens = 0, answering = 0;
  std::map<step_shares::client, std::uint32_t> of_clients;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (result.parts[i].dropped) continue;
    tokens += parts[i].tokens;
    answering += turns.at(parts[i].turn).decoding();
    of_clients[turns.at(parts[i].turn).order.client] += parts[i].tokens;
  }
  auto us = static_cast<double>(result.compute_us);
  auto decode_steps = result.parts.front().tokens.size();
  speed.stepped(us, tokens, decode_steps, answering);
  shares.stepped(us / static_cast<double>(std::max<std::size_t>(decode_steps, 1)), of_clients, ready);
  for (std::size_t i = 0; i < parts.size(); ++i) take_part(parts[i], result.parts[i]);
  stepping = false;
  run_step();
  admit_next();
}

void scheduler_state::take_part(const planned_part& done, step_result::part& given) {
  auto& s = turns.at(done.turn);
  s.in_step = false;
  if (!given.dropped) {
    s.computed += done.tokens;
    s.loading = nullptr;
    s.before = {};
    s.steps_lost = 0;
  } else {
    s.take_back_draws();
  }
  if (s.cancelled && s.outcome.answer.empty()) return finish(done.turn, stop_reason::cancelled);
  if (!given.error.empty()) {
    // What it computed is as doubtful as what it says: nothing of it stays in the cache.
    self->send(device, atom::erase_v, s.computed_keys(s.reused));
    return fail(done.turn, caf::make_error(ec::not_available, given.error));
  }
  if (s.load_lost || s.before.failed() || (s.loading && s.loading->failed())) return start_again(s);
  if (s.cancelled && given.dropped) return finish(done.turn, stop_reason::cancelled);
  if (given.dropped) return;  // late: it takes part again when its layers are there
  if (!s.later.empty() && s.tokens_left() == 0) {
    while (!s.later.empty() && s.tokens_left() == 0) {
      s.next_window();
      auto more = s.prompt_tokens() - s.computed;
      s.outcome.statistics.prompt_tokens += more;
      s.outcome.statistics.computed_tokens += more;
    }
    self->send(device, atom::retain_v, done.turn, s.computed_keys());
  }
  for (std::size_t i = 0; i < given.tokens.size(); ++i) {
    if (i > 0) ++s.computed;  // the device took the token before as its next input
    if (!take_token(s, given.tokens[i], given.likelihoods.empty() ? nullptr : &given.likelihoods[i])) return;
  }
  if (s.cancelled) return finish(done.turn, stop_reason::cancelled);
  if (s.gives_way) preempt(s);
}

bool scheduler_state::take_token(sequence& s, kv::token_id token, model::token_likelihood* likelihood) {
  auto id = s.order.turn;
  auto& statistics = s.outcome.statistics;
  auto end = [&](stop_reason reason) {
    finish(id, reason);
    return false;
  };
  if (s.outcome.answer.empty()) statistics.first_token_us = since(s.received);
  s.outcome.answer.push_back(token);
  s.order.window.tokens.push_back(token);
  s.full_window.reset();
  ++statistics.answer_tokens;
  if (checkpoint->config.is_end_of_answer(token) && !s.order.sampling.ignore_end_of_answer)
    return end(stop_reason::end_of_answer);
  if (likelihood) s.likelihoods.push_back(std::move(*likelihood));
  s.give(s.stream->push(token));
  if (s.stream->stopped()) return end(stop_reason::stop_string);
  if (statistics.answer_tokens >= s.order.sampling.tokens_max) return end(stop_reason::tokens_max);
  return true;
}

void scheduler_state::shorten_window(sequence& s) {
  auto id = s.order.turn;
  auto dropped = s.make_room(checkpoint->config.context, limits.overflow);
  if (dropped == 0) return finish(id, stop_reason::context_full);
  auto& statistics = s.outcome.statistics;
  statistics.dropped_tokens += dropped;
  if (!s.order.reuse) {
    statistics.prompt_tokens += s.prompt_tokens();
    statistics.computed_tokens += s.prompt_tokens();
  }
  self->send(device, atom::retain_v, id, s.computed_keys());
}

// -- executors that die --

/// Nothing of the step under way counts; its turns are in the next executor's first step, but not for ever.
void scheduler_state::lose_step() {
  stepping = false;
  for (auto id : std::vector<turn_id>{running}) {
    auto found = turns.find(id);
    if (found == turns.end() || !found->second.in_step) continue;
    auto& s = found->second;
    if (++s.steps_lost <= steps_lost_max) {
      step_result::part nothing{.tokens = {}, .dropped = true, .error = {}};
      take_part({.turn = id, .tokens = 0}, nothing);
    } else {
      s.in_step = false;
      fail(id, caf::make_error(ec::not_available, "its step was tried twice; " + explain(executor_error)));
    }
  }
}

void scheduler_state::on_executor_down(const caf::error& reason) {
  if (dead) return;
  executor = nullptr;
  executor_error = reason;
  self->delayed_send(self, executor_within, atom::internal_v, atom::late_v, ++executors_lost);
  lose_step();
}

void scheduler_state::attach(executor_actor other) {
  // It may come before the news that the one before died.
  if (executor) on_executor_down(caf::make_error(ec::not_available, std::string{"the executor died"}));
  executor = std::move(other);
  self->monitor(executor);
  run_step();
}

void scheduler_state::on_executor_late(std::uint64_t which) {
  if (which == executors_lost) on_no_executor();
}

void scheduler_state::on_no_executor() {
  if (!executor) on_down(executor_error);
}

}  // namespace chromatin
