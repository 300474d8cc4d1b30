#include "actors/turn_queue.hpp"

#include <algorithm>
#include <chrono>

#include "kv/check.hpp"

namespace chromatin {
namespace {

/// A turn with the lowest priority is as urgent as a new one with the highest after two seconds.
constexpr double points_per_s = 50;
constexpr int points_per_step = 10, points_max = 100;
/// Of a price, and of what a client owes: what it pays with its next turn, whichever is more. Who was given more than
/// its price, since its cache was lost, waits a little longer for some turns, and not for long before one of them.
constexpr double repaid_of_price = 0.5, repaid_of_debt = 0.0625;
/// Clients, and connections of one, that are remembered without a turn.
constexpr std::size_t remembered_max = 1024;

/// What a turn will cost, as far as it is known before it runs.
double expected_tokens(const sequence& s) {
  auto prompt = s.order.reuse ? s.tokens().size() - s.order.window.settled : s.tokens().size();
  return static_cast<double>(prompt) + s.order.sampling.tokens_max;
}

double tokens_used(const sequence& s) {
  const auto& statistics = s.outcome.statistics;
  return static_cast<double>(statistics.computed_tokens) + statistics.answer_tokens;
}

/// Drops who has no turn and nothing to pay back; of very many, all who have no turn.
template <class Key, class Who, class Settled>
void forget(std::map<Key, Who>& all, Settled settled) {
  bool many = all.size() > remembered_max;
  std::erase_if(all, [&](const auto& of) { return of.second.turns == 0 && (many || settled(of.second)); });
}

}  // namespace

int turn_queue::urgency(const sequence& s, time_point now) {
  auto waited_s = std::chrono::duration<double>(now - s.received).count();
  auto points = std::min<double>(s.order.priority + waited_s * points_per_s, points_max);
  return static_cast<int>(points) / points_per_step;
}

void turn_queue::insert(sequence& s) {
  CHROMATIN_CHECK(s.pages.empty() && !s.in_step, "a waiting turn has no pages");
  s.at = sequence::phase::waiting;
  s.expected = s.reusable().settled();
  auto behind = [&](const sequence* other) { return s.arrival < other->arrival; };
  turns_.insert(std::find_if(turns_.begin(), turns_.end(), behind), &s);
  if (s.share_known) return;  // it gave way and comes back
  s.share_known = true;
  auto& c = clients_[s.order.client];
  if (c.turns++ == 0) c.tag = std::max(c.tag, start_);
  auto& connection = c.connections[s.order.connection];
  ++connection.turns;
  s.start_tag = std::max(c.start, connection.finish);
  s.price = expected_tokens(s);
  connection.finish = s.start_tag + s.price;
}

void turn_queue::erase(const sequence& s) {
  std::erase(turns_, &s);
  denied_.erase(&s);
}

void turn_queue::admitted(sequence& s, time_point now) {
  for (auto* ahead : in_order(turns_.size(), now)) {
    if (ahead == &s) break;
    ++ahead->passed_over;
  }
  erase(s);
  if (s.paid) return;
  s.paid = true;
  auto& c = clients_.at(s.order.client);
  start_ = std::max(start_, c.tag);
  c.start = std::max(c.start, s.start_tag);
  auto repaid = std::min(c.debt, std::max(s.price * repaid_of_price, c.debt * repaid_of_debt));
  c.tag += s.price + repaid;
  c.debt -= repaid;
}

void turn_queue::ended(const sequence& s) {
  erase(s);
  if (!s.share_known) return;
  auto found = clients_.find(s.order.client);
  if (found == clients_.end()) return;
  auto& c = found->second;
  auto too_much = s.price - tokens_used(s);
  if (s.paid && too_much > 0) c.tag -= too_much;
  if (s.paid && too_much < 0) c.debt -= too_much;
  auto connection = c.connections.find(s.order.connection);
  CHROMATIN_CHECK(connection != c.connections.end() && c.turns > 0, "a turn that ends has begun");
  connection->second.finish -= too_much;
  --connection->second.turns;
  --c.turns;
  // Who comes back at once does not begin anew: it is forgotten when the others have caught up.
  forget(c.connections, [&](const share& of) { return of.finish <= c.start; });
  forget(clients_, [&](const client& of) { return of.tag <= start_ && of.debt <= 0; });
}

void turn_queue::clear() {
  turns_.clear();
  denied_.clear();
  clients_.clear();
}

std::vector<sequence*> turn_queue::in_order(std::size_t count, time_point now) const {
  using place = std::tuple<int, bool, double, std::uint64_t>;
  struct line {
    double tag = 0;
    std::vector<std::pair<place, sequence*>> turns;  ///< a heap: mostly few of very many are asked for
  };
  auto later = [](const auto& a, const auto& b) { return b.first < a.first; };
  std::map<std::uint64_t, line> lines;
  for (auto* s : turns_)
    lines[s->order.client].turns.emplace_back(
        place{-urgency(*s, now), s->outcome.answer.empty(), s->start_tag, s->arrival}, s);
  for (auto& [id, l] : lines) {
    l.tag = clients_.at(id).tag;
    std::make_heap(l.turns.begin(), l.turns.end(), later);
  }
  std::vector<sequence*> order;
  while (order.size() < count && !lines.empty()) {
    auto next = std::min_element(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
      return std::pair{a.second.tag, a.second.turns.front().second->arrival} <
             std::pair{b.second.tag, b.second.turns.front().second->arrival};
    });
    auto& l = next->second;
    std::pop_heap(l.turns.begin(), l.turns.end(), later);
    order.push_back(l.turns.back().second);
    l.turns.pop_back();
    if (!order.back()->paid) l.tag += order.back()->price;
    if (l.turns.empty()) lines.erase(next);
  }
  return order;
}

bool turn_queue::is_first(const sequence& s, time_point now) const {
  auto first = in_order(1, now);
  return !first.empty() && first[0] == &s;
}

sequence* turn_queue::candidate(std::uint32_t passed_over_max, time_point now) const {
  for (auto* s : in_order(denied_.size() + 1, now)) {
    if (!denied_.contains(s)) return s;
    if (s->passed_over >= passed_over_max) return nullptr;
  }
  return nullptr;
}

hints turn_queue::look_ahead(std::size_t count, double turn_us, time_point now) const {
  hints next{.whole = count >= turns_.size()};
  double starts_in_us = 0;
  for (const auto* s : in_order(count, now)) {
    kv::upcoming_turn upcoming{.conversation = s->order.conversation,
                               .keys = {},
                               .starts_in_us = static_cast<std::int64_t>(starts_in_us),
                               .priority = s->order.priority};
    for (const auto& link : s->expected) upcoming.keys.push_back(link.key);
    next.upcoming.push_back(std::move(upcoming));
    next.links.push_back(s->expected);
    starts_in_us += turn_us;
  }
  return next;
}

}  // namespace chromatin
