#include "actors/turn_queue.hpp"

#include <algorithm>
#include <chrono>
#include <queue>
#include <utility>

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

/// Turns in the order of their service, as many as are asked for: of the clients the first, whose next turn stands at
/// what it has paid by then.
class turn_queue::walk {
 public:
  explicit walk(const turn_queue& of) : next_{of.line_.begin()}, end_{of.line_.end()} {}

  /// Null behind the last one.
  sequence* next() {
    if (next_ != end_ && (begun_.empty() || *next_ < begun_.top().at)) {
      const auto& [tag, arrival, of] = *next_++;
      return take(tag, *of, of->waiting.begin());
    }
    if (begun_.empty()) return nullptr;
    auto [at, turn] = begun_.top();
    begun_.pop();
    return take(std::get<double>(at), *std::get<const client*>(at), turn);
  }

 private:
  struct begun {
    standing at;
    std::set<place>::const_iterator turn;
    bool operator<(const begun& other) const { return other.at < at; }
  };

  sequence* take(double tag, const client& of, std::set<place>::const_iterator turn) {
    auto* s = std::get<sequence*>(*turn);
    if (!s->paid) tag += s->price;
    if (++turn != of.waiting.end()) begun_.push({{tag, std::get<sequence*>(*turn)->arrival, &of}, turn});
    return s;
  }

  std::set<standing>::const_iterator next_, end_;
  std::priority_queue<begun> begun_;
};

void turn_queue::step_out(const client& c) {
  if (!c.waiting.empty()) line_.erase({c.tag, std::get<sequence*>(*c.waiting.begin())->arrival, &c});
}

void turn_queue::step_in(const client& c) {
  if (!c.waiting.empty()) line_.insert({c.tag, std::get<sequence*>(*c.waiting.begin())->arrival, &c});
}

void turn_queue::set_place(client& c, sequence& s, int urgency, time_point not_before) {
  waiting_turn w{{-urgency, s.outcome.answer.empty(), s.start_tag, s.arrival, &s}, time_point::max()};
  if (urgency * points_per_step < points_max) {
    auto points = (urgency + 1) * points_per_step - s.order.priority;
    std::chrono::duration<double> wait{points / points_per_s};
    w.rises = std::max(s.received + std::chrono::duration_cast<time_point::duration>(wait), not_before);
    rising_.emplace(w.rises, &s);
  }
  c.waiting.insert(w.at);
  places_.insert_or_assign(&s, w);
}

void turn_queue::advance(time_point now) {
  while (!rising_.empty() && rising_.begin()->first <= now) {
    auto& s = *rising_.begin()->second;
    rising_.erase(rising_.begin());
    auto& c = clients_.at(s.order.client);
    step_out(c);
    c.waiting.erase(places_.at(&s).at);
    set_place(c, s, urgency(s, now), now + time_point::duration{1});
    step_in(c);
  }
}

void turn_queue::insert(sequence& s) {
  CHROMATIN_CHECK(s.pages.empty() && !s.in_step, "a waiting turn has no pages");
  s.at = sequence::phase::waiting;
  s.expected = s.reusable().settled();
  auto& c = clients_[s.order.client];
  step_out(c);
  if (!std::exchange(s.share_known, true)) {  // else it gave way and comes back
    clients_with_turns_ += c.turns == 0;
    if (c.turns++ == 0) c.tag = std::max(c.tag, start_);
    auto& connection = c.connections[s.order.connection];
    ++connection.turns;
    s.start_tag = std::max(c.start, connection.finish);
    s.price = expected_tokens(s);
    connection.finish = s.start_tag + s.price;
  }
  set_place(c, s, urgency(s, s.received), s.received);
  step_in(c);
}

void turn_queue::erase(const sequence& s) {
  denied_.erase(&s);
  auto node = places_.extract(&s);
  if (node.empty()) return;
  auto& c = clients_.at(s.order.client);
  step_out(c);
  c.waiting.erase(node.mapped().at);
  step_in(c);
  rising_.erase({node.mapped().rises, std::get<sequence*>(node.mapped().at)});
}

void turn_queue::admitted(sequence& s, time_point now) {
  advance(now);
  walk turns{*this};
  for (auto* ahead = turns.next(); ahead && ahead != &s; ahead = turns.next()) ++ahead->passed_over;
  erase(s);
  if (s.paid) return;
  s.paid = true;
  auto& c = clients_.at(s.order.client);
  start_ = std::max(start_, c.tag);
  c.start = std::max(c.start, s.start_tag);
  auto repaid = std::min(c.debt, std::max(s.price * repaid_of_price, c.debt * repaid_of_debt));
  step_out(c);
  c.tag += s.price + repaid;
  step_in(c);
  c.debt -= repaid;
}

void turn_queue::ended(const sequence& s) {
  erase(s);
  if (!s.share_known) return;
  auto found = clients_.find(s.order.client);
  if (found == clients_.end()) return;
  auto& c = found->second;
  auto too_much = s.price - tokens_used(s);
  if (s.paid && too_much > 0) {
    step_out(c);
    c.tag -= too_much;
    step_in(c);
  }
  if (s.paid && too_much < 0) c.debt -= too_much;
  auto connection = c.connections.find(s.order.connection);
  CHROMATIN_CHECK(connection != c.connections.end() && c.turns > 0, "a turn that ends has begun");
  connection->second.finish -= too_much;
  --connection->second.turns;
  clients_with_turns_ -= --c.turns == 0;
  // Who comes back at once does not begin anew: it is forgotten when the others have caught up.
  forget(c.connections, [&](const share& of) { return of.finish <= c.start; });
  if (clients_.size() <= forget_above_) return;
  forget(clients_, [&](const client& of) { return of.tag <= start_ && of.debt <= 0; });
  forget_above_ = 2 * clients_.size();
}

void turn_queue::clear() {
  places_.clear();
  rising_.clear();
  line_.clear();
  denied_.clear();
  clients_.clear();
  clients_with_turns_ = 0;
}

std::vector<sequence*> turn_queue::in_order(std::size_t count, time_point now) {
  advance(now);
  std::vector<sequence*> order;
  walk turns{*this};
  while (order.size() < count) {
    auto* s = turns.next();
    if (!s) break;
    order.push_back(s);
  }
  return order;
}

bool turn_queue::is_first(const sequence& s, time_point now) {
  advance(now);
  return walk{*this}.next() == &s;
}

sequence* turn_queue::candidate(std::uint32_t passed_over_max, time_point now) {
  advance(now);
  walk turns{*this};
  while (auto* s = turns.next()) {
    if (!denied_.contains(s)) return s;
    if (s->passed_over >= passed_over_max) break;
  }
  return nullptr;
}

hints turn_queue::look_ahead(std::size_t count, const outlook& foreseen, time_point now) {
  hints next{.whole = count >= size()};
  double starts_in_us = 0;
  for (const auto* s : in_order(count, now)) {
    kv::upcoming_turn upcoming{.conversation = s->order.conversation,
                               .keys = {},
                               .starts_in_us = static_cast<std::int64_t>(starts_in_us),
                               .priority = s->order.priority};
    for (const auto& link : s->expected) upcoming.keys.push_back(link.key);
    next.upcoming.push_back(std::move(upcoming));
    next.links.push_back(s->expected);
    std::size_t end = 0;
    for (const auto& link : s->expected) end += link.fill;
    auto cost = foreseen.cost(*s);
    cost.tokens_after = static_cast<std::uint32_t>(s->tokens().size() - end);
    cost.starts_in_us = foreseen.first_us + starts_in_us;
    next.costs.push_back(cost);
    starts_in_us += foreseen.turn_us;
  }
  return next;
}

}  // namespace chromatin
