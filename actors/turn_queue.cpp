#include "actors/turn_queue.hpp"

#include <algorithm>

#include "kv/check.hpp"

namespace chromatin {
namespace {

/// Turns that a hint looks ahead.
constexpr std::size_t hint_turns_max = 64;

}  // namespace

void turn_queue::insert(sequence& s) {
  CHROMATIN_CHECK(s.pages.empty() && !s.in_step, "a waiting turn has no pages");
  s.at = sequence::phase::waiting;
  s.expected = s.reusable().settled();
  auto behind = [&](const sequence* other) { return s.in_order() < other->in_order(); };
  turns_.insert(std::find_if(turns_.begin(), turns_.end(), behind), &s);
}

void turn_queue::erase(const sequence& s) {
  std::erase(turns_, &s);
  denied_.erase(&s);
}

void turn_queue::admitted(const sequence& s) {
  for (auto* ahead : turns_) {
    if (ahead == &s) break;
    ++ahead->passed_over;
  }
  erase(s);
}

sequence* turn_queue::candidate(std::uint32_t passed_over_max) const {
  for (auto* s : turns_) {
    if (!denied_.contains(s)) return s;
    if (s->passed_over >= passed_over_max) return nullptr;
  }
  return nullptr;
}

hints turn_queue::look_ahead(double turn_us) const {
  hints next;
  double starts_in_us = 0;
  for (const auto* s : turns_) {
    if (next.upcoming.size() == hint_turns_max) break;
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
