#include "io/operation_line.hpp"

#include <algorithm>
#include <utility>

#include "kv/check.hpp"

namespace chromatin::io {

operation_line::operation_line(std::uint32_t running_max) : running_max_{running_max} {
  CHROMATIN_CHECK(running_max > 0, "a device carries out at least one operation at a time");
  of(urgency::turn_waits).running_max = running_max;
  of(urgency::ahead_of_need).running_max = std::max(1u, running_max / 2);
  of(urgency::saving).running_max = std::max(1u, running_max / 4);
  of(urgency::checking).running_max = 1;
}

void operation_line::add(operation op) { of(op.wanted).waiting.push_back(std::move(op)); }

bool operation_line::cancel(operation_id id) {
  for (auto& l : lines_) {
    auto found = std::ranges::find(l.waiting, id, &operation::id);
    if (found == l.waiting.end()) continue;
    cancelled_.push_back(std::move(*found));
    l.waiting.erase(found);
    return true;
  }
  return false;
}

/// The line whose first operation goes next; null when none may go.
operation_line::line* operation_line::choose() {
  if (running() >= running_max_) return nullptr;
  auto may_go = [](const line& l) { return !l.waiting.empty() && l.running < l.running_max; };
  for (auto l = lines_.rbegin(); l != lines_.rend(); ++l)
    if (may_go(*l) && l->passed_over >= passed_over_max) return &*l;
  auto first = std::ranges::find_if(lines_, may_go);
  return first == lines_.end() ? nullptr : &*first;
}

std::optional<operation_line::chosen> operation_line::next() {
  if (!cancelled_.empty()) {
    chosen result{std::move(cancelled_.front()), true};
    cancelled_.pop_front();
    return result;
  }
  auto* l = choose();
  if (!l) return {};
  for (auto& other : lines_)
    if (&other != l && !other.waiting.empty()) ++other.passed_over;
  l->passed_over = 0;
  ++l->running;
  chosen result{std::move(l->waiting.front())};
  l->waiting.pop_front();
  return result;
}

void operation_line::again(operation op) {
  over(op.wanted);
  of(op.wanted).waiting.push_front(std::move(op));
}

void operation_line::over(urgency wanted) {
  CHROMATIN_CHECK(of(wanted).running > 0, "an operation ends once");
  --of(wanted).running;
}

std::size_t operation_line::waiting() const {
  std::size_t sum = 0;
  for (const auto& l : lines_) sum += l.waiting.size();
  return sum;
}

std::uint32_t operation_line::running() const {
  std::uint32_t sum = 0;
  for (const auto& l : lines_) sum += l.running;
  return sum;
}

}  // namespace chromatin::io
