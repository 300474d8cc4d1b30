#include "sim/machine/timeline.hpp"

#include <algorithm>
#include <utility>

namespace chromatin::sim {

void timeline::at(time_point when, std::function<void()> what) {
  events_.push_back({std::max(when, now_), ++planned_, std::move(what)});
  std::push_heap(events_.begin(), events_.end(), later);
}

std::optional<timeline::time_point> timeline::next() const {
  return events_.empty() ? std::nullopt : std::optional{events_.front().when};
}

void timeline::move_to(time_point when) {
  now_ = std::max(now_, when);
  while (!events_.empty() && events_.front().when <= now_) {
    std::pop_heap(events_.begin(), events_.end(), later);
    auto due = std::move(events_.back());
    events_.pop_back();
    due.what();
  }
}

}  // namespace chromatin::sim
