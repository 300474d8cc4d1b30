// How a turn's pages grow with its answer, and who gives way when none is left: a part of the scheduler.

#include <algorithm>

#include "actors/scheduler.hpp"

namespace chromatin {

/// Tokens that the window can come to have.
std::uint32_t scheduler_state::tokens_max(const sequence& s) const {
  auto rest = s.later.empty() ? s.order.sampling.tokens_max - s.outcome.statistics.answer_tokens : 0;
  return static_cast<std::uint32_t>(std::min<std::size_t>(s.tokens().size() + rest, checkpoint->config.context));
}

/// Asks for the next pages before they are needed.
void scheduler_state::grow(sequence& s) {
  constexpr std::uint32_t ahead_tokens = kv::tokens_per_chunk / 2;
  auto wanted = std::min<std::size_t>(s.tokens().size() + (s.later.empty() ? ahead_tokens : 0), tokens_max(s));
  auto pages = kv::chunks_for(wanted);
  if (s.growing || s.at != sequence::phase::running || pages <= s.pages.size()) return;
  auto id = s.order.turn;
  s.growing = true;
  self->request(device, caf::infinite, atom::grow_v, id, pages - static_cast<std::uint32_t>(s.pages.size()))
      .then([this, id](grown& more) { on_grown(id, more); }, [this](const caf::error& error) { on_down(error); });
}

void scheduler_state::on_grown(turn_id id, grown& more) {
  auto found = turns.find(id);
  if (found == turns.end() || !found->second.growing) return;
  auto& s = found->second;
  s.growing = false;
  s.starved = more.pages.empty();
  if (s.starved) return make_way(s);
  s.add_pages(std::move(more.pages));
  run_step();
  admit_next();
}

/// A turn found no page to go on with.
void scheduler_state::make_way(sequence& s) {
  if (s.tokens_left() > 0 && s.computed < s.room()) return;  // not yet
  auto* last = last_in_order(false);
  if (last && displaces(s, *last)) return preempt(*last);
  auto stuck = [this](turn_id id) { return turns.at(id).starved && turns.at(id).computed >= turns.at(id).room(); };
  if (!stepping && std::all_of(running.begin(), running.end(), stuck)) preempt(*last_in_order(true));
}

/// Between clients a priority decides nothing: anybody may ask for the highest.
bool scheduler_state::displaces(const sequence& s, const sequence& other) const {
  bool by_priority = s.order.priority > other.order.priority;
  return before(s, other) && (!by_priority || s.order.client == other.order.client);
}

sequence* scheduler_state::last_in_order(bool at_bound_too, const std::uint64_t* of_client) {
  sequence* last = nullptr;
  for (auto id : running) {
    auto& s = turns.at(id);
    if (of_client && s.order.client != *of_client) continue;
    if (!at_bound_too && s.outcome.statistics.preemptions >= limits.preemptions_max) continue;
    if (!last || before(*last, s)) last = &s;
  }
  return last;
}

sequence* scheduler_state::beyond_its_share(const sequence& s) {
  std::map<std::uint64_t, std::size_t> places;
  for (auto id : running) {
    const auto& turn = turns.at(id);
    if (turn.gives_way) return nullptr;  // a place is coming
    ++places[turn.order.client];
  }
  auto share = std::max<std::size_t>(limits.batch_max / queue.clients(), 1);
  auto most = std::ranges::max_element(places, {}, [](const auto& of) { return of.second; });
  if (most == places.end() || most->second <= share || places[s.order.client] >= share) return nullptr;
  return last_in_order(true, &most->first);
}

void scheduler_state::preempt(sequence& s) {
  if (s.in_step) {
    s.gives_way = true;  // at the end of the step
    return;
  }
  bool keeps_tail = s.reuse_arrived();
  if (!keeps_tail) s.forget_admission();
  ++s.outcome.statistics.preemptions;
  ++preemptions;
  release(s, keeps_tail);
  enqueue(s);
  queue.room_changed();
  admit_next();
}

void scheduler_state::on_room() {
  queue.room_changed();
  auto ids = running;
  std::sort(ids.begin(), ids.end(), [&](auto a, auto b) { return before(turns.at(a), turns.at(b)); });
  for (auto id : ids)
    if (auto& s = turns.at(id); s.starved) grow(s);
  admit_next();
}

void scheduler_state::release(sequence& s, bool keep_tail) {
  std::erase(running, s.order.turn);
  s.growing = s.starved = false;
  self->send(device, atom::release_v, s.give_back(keep_tail, now_us()));
  s.at = sequence::phase::waiting;
}

void scheduler_state::on_denied(sequence& s) {
  queue.denied(s);
  bool first = queue.is_first(s, self->clock().now());
  if (first) send_hints();  // it waits, so that there is time to raise what it wants
  auto* last = last_in_order(false);
  if (last && displaces(s, *last) && first) preempt(*last);
  admit_next();
}

}  // namespace chromatin
