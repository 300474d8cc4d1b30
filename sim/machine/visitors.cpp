#include "sim/machine/visitors.hpp"

#include <algorithm>
#include <utility>

namespace chromatin::sim {
namespace {

/// What stands at a place of a text: the same text has the same tokens, and others differ.
kv::token_id token_of(std::uint64_t text, std::uint64_t place) {
  return static_cast<kv::token_id>(key_of(text, place).low >> 32);
}

}  // namespace

visitors::visitors(stage& at, const workload& what, const machine& m, bool reuse,
                   std::function<void(std::uint64_t, const turn_record&)> answered)
    : stage_{at},
      what_{what},
      machine_{m},
      reuse_{reuse},
      answered_{std::move(answered)},
      scale_{at.time().scale()},
      left_{what.conversations.size()} {
  for (std::size_t i = 0; i < what.conversations.size(); ++i) {
    auto due = timeline::time_point{} + from_us(static_cast<double>(what.conversations[i].turns.front().due_us));
    stage_.events().at(due, [this, i] { arrive(i); });
  }
}

void visitors::arrive(std::size_t which) {
  auto& v = visits_[which];
  if (!v.script) v.script = &what_.conversations[which], v.window.root = stage_.root();
  outside_.emplace_back(which, stage_.events().now());
  come_in();
}

void visitors::come_in() {
  while (!outside_.empty() && inside_ < static_cast<std::size_t>(machine_.queue)) {
    auto [which, arrived] = outside_.front();
    outside_.pop_front();
    ++inside_;
    say(which, arrived);
  }
}

void visitors::make_room(visit& v, std::uint32_t more) {
  auto room = stage_.context() - std::min(stage_.context(), more);
  auto dropped = kv::make_room(v.window, room, machine_.overflow());
  dropped_ += static_cast<std::uint64_t>(dropped * scale_);
  if (!machine_.valid_over_truncation && !v.window.kept.empty()) kv::rebase(v.window);
}

std::uint32_t visitors::extend(visit& v, const scripted_turn& turn) {
  auto& tokens = v.window.tokens;
  auto said = std::clamp(stage_.time().units(turn.said_tokens), 1u, stage_.context() - 2);
  if (turn.blocks.empty()) {
    said = std::min(said, stage_.context() - 3 * kv::tokens_per_chunk);  // beside what a truncation keeps
    make_room(v, said + 1);
    auto history = static_cast<std::uint32_t>(tokens.size());
    for (std::uint32_t i = 0; i < said; ++i) tokens.push_back(token_of(v.script->id, tokens.size() + v.next));
    return history - std::min(history, 1u);  // the last token of an answer was never an input
  }
  for (auto block : turn.blocks)
    for (std::uint32_t i = 0; i < kv::tokens_per_chunk && tokens.size() < said; ++i)
      tokens.push_back(token_of(block, i));
  return static_cast<std::uint32_t>(tokens.size());
}

void visitors::say(std::size_t which, timeline::time_point arrived) {
  auto& v = visits_.at(which);
  const auto& turn = v.script->turns[v.next];
  auto reusable = extend(v, turn);
  turn_record record;
  record.reusable_tokens = static_cast<std::uint64_t>(reusable * scale_);
  auto outside = stage_.events().now() - arrived;
  turn_order order{.turn = ++turns_, .conversation = v.script->id, .window = v.window, .reuse = reuse_};
  order.sampling.tokens_max = std::max(1u, stage_.time().units(turn.answer_tokens));
  order.sampling.ignore_end_of_answer = true;
  stage_.begin(std::move(order), [this, which, record, outside, number = turns_](const turn_outcome* outcome,
                                                                                 const std::string& why) mutable {
    if (outcome) {
      const auto& s = outcome->statistics;
      auto true_tokens = [&](double units) { return static_cast<std::uint64_t>(units * scale_); };
      for (auto hit : s.hits) {
        hit.tokens = static_cast<std::uint32_t>(true_tokens(hit.tokens));
        record.reused_tokens += hit.tokens;
        record.hits.push_back(hit);
      }
      record.reused_tokens = std::min(record.reused_tokens, record.reusable_tokens);
      record.prompt_tokens = true_tokens(s.prompt_tokens);
      record.computed_tokens = true_tokens(s.computed_tokens);
      record.answer_tokens = true_tokens(s.answer_tokens);
      auto outside_us = std::chrono::duration_cast<std::chrono::microseconds>(outside).count();
      record.first_token_us = outside_us + s.first_token_us;
      record.queued_us = outside_us + s.queued_us;
      record.ended_s = stage_.simulated_s();
      answered_(number, record);
      on_answer(which, *outcome);
    } else {
      if (refused_++ == 0) why_refused_ = why;
    }
    --inside_;
    go_on(which);
    come_in();
  });
}

/// As the registry settles it.
void visitors::on_answer(std::size_t which, const turn_outcome& outcome) {
  auto& v = visits_.at(which);
  if (outcome.window)
    v.window = *outcome.window;
  else
    v.window.tokens.insert(v.window.tokens.end(), outcome.answer.begin(), outcome.answer.end());
  v.window.settled = outcome.settled;
  dropped_ += static_cast<std::uint64_t>(outcome.statistics.dropped_tokens * scale_);
}

void visitors::go_on(std::size_t which) {
  auto& v = visits_.at(which);
  if (++v.next < v.script->turns.size()) return plan(which);
  visits_.erase(which);
  --left_;
}

void visitors::plan(std::size_t which) {
  const auto& turn = visits_.at(which).script->turns[visits_.at(which).next];
  auto due = from_us(static_cast<double>(turn.due_us));
  auto when = turn.after_answer ? stage_.events().now() + due : timeline::time_point{} + due;
  stage_.events().at(when, [this, which] { arrive(which); });
}

}  // namespace chromatin::sim
