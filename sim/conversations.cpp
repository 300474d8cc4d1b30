// Conversations made up from statistics.

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "sim/dice.hpp"
#include "sim/workload.hpp"

namespace chromatin::sim {
namespace {

/// Of the standard normal distribution: the chance of more than z, and the z of a chance.
double more_than(double z) { return std::erfc(z / std::sqrt(2)) / 2; }
double z_of(double chance) {
  double low = -10, high = 10;
  for (int i = 0; i < 100; ++i) {
    auto z = (low + high) / 2;
    (more_than(z) > chance ? low : high) = z;
  }
  return low;
}

/// How many turns has somebody of whom a share of `rank` has as many or fewer?
std::size_t turns_of(double rank, const conversation_statistics& as) {
  auto one = 1 - as.several_turns;
  if (rank < one || as.several_turns == 0) return 1;
  auto of_those = (rank - one) / as.several_turns;
  auto more_mean = (as.turns_mean - one) / as.several_turns - 2;  // beyond two
  if (more_mean <= 0) return 2;
  auto goes_on = more_mean / (1 + more_mean);
  return 2 + static_cast<std::size_t>(std::log(std::max(1 - of_those, 1e-12)) / std::log(goes_on));
}

std::uint32_t at_least(double tokens, std::uint32_t least) {
  return std::max(least, static_cast<std::uint32_t>(tokens + 0.5));
}

}  // namespace

workload make_conversations(const conversation_statistics& as, std::uint64_t seed) {
  constexpr std::uint32_t said_min = 4, answer_min = 1;
  auto spread = std::log(2) / (z_of(as.over_4k) - z_of(as.over_2k));
  auto middle = std::log(2048) - spread * z_of(as.over_2k);
  dice random{seed};
  workload w{.title = fmt::format("{} conversations", as.count),
             .warm_up_turns = static_cast<std::uint32_t>(as.warm_up_turns)};
  double begins_s = 0;
  std::vector<double> weights;
  for (std::uint64_t id = 1; id <= static_cast<std::uint64_t>(as.count); ++id) {
    begins_s += random.exponential(1 / as.per_s);
    auto length = random.normal();
    auto turns = as.correlation * length + std::sqrt(1 - as.correlation * as.correlation) * random.normal();
    auto tokens = std::min(std::exp(middle + spread * length), as.tokens_max);
    scripted_conversation c{id, std::vector<scripted_turn>(turns_of(1 - more_than(turns), as))};
    weights.clear();
    double sum = 0;
    for (std::size_t i = 0; i < c.turns.size(); ++i) sum += weights.emplace_back(random.exponential(1));
    for (std::size_t i = 0; i < c.turns.size(); ++i) {
      auto& t = c.turns[i];
      auto of_turn = tokens * weights[i] / sum;
      t.said_tokens = at_least(of_turn * (1 - as.answer_share), said_min);
      t.answer_tokens = at_least(of_turn * as.answer_share, answer_min);
      t.after_answer = i > 0;
      t.due_us = static_cast<std::int64_t>(1e6 * (i == 0 ? begins_s : random.exponential(as.think_s)));
    }
    w.conversations.push_back(std::move(c));
  }
  return w;
}

}  // namespace chromatin::sim
