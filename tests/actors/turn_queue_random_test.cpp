// The queue against one that sorts everything for each question: `test_actors --gtest_filter='TurnQueueRandom.*'`.

#include "actors/turn_queue.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>

#include <gtest/gtest.h>

namespace chromatin {
namespace {

using std::chrono::milliseconds;

/// What the header says about the order, word for word: clients by their tags, a client's turns by urgency, by who
/// answers already, by the tags of their connections, by arrival.
class sorting_queue {
 public:
  using time_point = turn_queue::time_point;

  void insert(const sequence& s) {
    waiting_.push_back(&s);
    if (!known_.insert(&s).second) return;
    auto& c = clients_[s.order.client];
    if (c.turns++ == 0) c.tag = std::max(c.tag, start_);
  }
  void admitted(const sequence& s, bool had_paid) {
    std::erase(waiting_, &s);
    if (had_paid) return;
    auto& c = clients_.at(s.order.client);
    start_ = std::max(start_, c.tag);
    auto repaid = std::min(c.debt, std::max(s.price * 0.5, c.debt * 0.0625));
    c.tag += s.price + repaid;
    c.debt -= repaid;
  }
  void ended(const sequence& s) {
    std::erase(waiting_, &s);
    auto& c = clients_.at(s.order.client);
    --c.turns;
    if (!s.paid) return;
    auto too_much = s.price - s.outcome.statistics.computed_tokens - s.outcome.statistics.answer_tokens;
    (too_much > 0 ? c.tag : c.debt) -= too_much;
  }
  std::vector<const sequence*> in_order(time_point now) const {
    std::map<std::uint64_t, std::vector<const sequence*>> of_clients;
    for (const auto* s : waiting_) of_clients[s->order.client].push_back(s);
    std::map<std::uint64_t, double> tags;
    for (auto& [id, turns] : of_clients) {
      tags[id] = clients_.at(id).tag;
      std::ranges::sort(turns, std::greater<>{}, [&](const auto* s) {
        return std::tuple{turn_queue::urgency(*s, now), !s->outcome.answer.empty(), -s->start_tag,
                          -static_cast<std::int64_t>(s->arrival)};
      });
    }
    std::vector<const sequence*> order;
    while (order.size() < waiting_.size()) {
      auto next = of_clients.end();
      auto place = [&](auto of) { return std::pair{tags[of->first], of->second.front()->arrival}; };
      for (auto of = of_clients.begin(); of != of_clients.end(); ++of)
        if (!of->second.empty() && (next == of_clients.end() || place(of) < place(next))) next = of;
      const auto* s = next->second.front();
      order.push_back(s);
      if (!s->paid) tags[next->first] += s->price;
      next->second.erase(next->second.begin());
    }
    return order;
  }
  std::size_t clients() const {
    return std::ranges::count_if(clients_, [](const auto& of) { return of.second.turns > 0; });
  }

 private:
  struct client {
    double tag = 0, debt = 0;
    int turns = 0;
  };
  std::vector<const sequence*> waiting_;
  std::set<const sequence*> known_;
  std::map<std::uint64_t, client> clients_;
  double start_ = 0;
};

TEST(TurnQueueRandom, ItsOrderIsThatOfAQueueThatSortsForEachQuestion) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random{seed};
    auto draw = [&](std::uint64_t below) { return random() % below; };
    std::deque<sequence> turns;
    std::vector<sequence*> waiting, running;
    turn_queue queue;
    sorting_queue plain;
    turn_queue::time_point now{std::chrono::hours{1}};
    auto take_any = [&](std::vector<sequence*>& of) {
      std::swap(of[draw(of.size())], of.back());
      auto* s = of.back();
      of.pop_back();
      return s;
    };
    auto wait = [&](sequence& s) {
      queue.insert(s);
      plain.insert(s);
      waiting.push_back(&s);
    };
    auto end = [&](sequence& s) {
      s.outcome.statistics.computed_tokens = static_cast<std::uint32_t>(draw(60));
      s.outcome.statistics.answer_tokens = static_cast<std::uint32_t>(s.outcome.answer.size());
      queue.ended(s);
      plain.ended(s);
    };
    for (int step = 0; step < 300; ++step) {
      now += milliseconds{draw(2) * draw(400)};
      switch (draw(6)) {
        case 0:
        case 1: {
          auto& s = turns.emplace_back();
          s.arrival = turns.size();
          s.received = now;
          turn_order order{.turn = turns.size(),
                           .client = draw(5),
                           .connection = draw(3),
                           .priority = static_cast<std::uint8_t>(draw(101))};
          order.window.tokens.assign(1 + draw(50), 7);
          order.sampling.tokens_max = static_cast<std::uint32_t>(1 + draw(200));
          s.begin(std::move(order), nullptr);
          wait(s);
          break;
        }
        case 2:
        case 3:
          if (auto* s = queue.candidate(16, now)) {
            bool had_paid = s->paid;
            queue.admitted(*s, now);
            plain.admitted(*s, had_paid);
            std::erase(waiting, s);
            running.push_back(s);
          }
          break;
        case 4:
          if (!running.empty()) {
            auto* s = take_any(running);
            if (draw(2)) s->outcome.answer.resize(draw(100));
            draw(3) ? end(*s) : wait(*s);  // or it gives way
          }
          break;
        default:
          if (!waiting.empty() && draw(4) == 0) end(*take_any(waiting));
      }
      auto order = queue.in_order(~std::size_t{0}, now);
      auto expected = plain.in_order(now);
      ASSERT_TRUE(std::ranges::equal(order, expected)) << "step " << step;
      ASSERT_EQ(queue.size(), waiting.size());
      ASSERT_EQ(queue.clients(), plain.clients());
      ASSERT_EQ(queue.candidate(16, now), order.empty() ? nullptr : order.front());
    }
  }
}

}  // namespace
}  // namespace chromatin
