#include "gpu/cuda/emulated/runtime_queue.hpp"

#include <algorithm>
#include <utility>

namespace chromatin::gpu::cuda {

namespace {

bool is_ready(const std::deque<operation>& queue) {
  return !queue.empty() && (!queue.front().after || queue.front().after->reached);
}

}  // namespace

bool stream_draw::empty() const {
  return std::ranges::all_of(streams_, [](const auto& s) { return s->operations.empty() && s->calls.empty(); });
}

bool stream_draw::anything_ready() const {
  return std::ranges::any_of(streams_, [](const auto& s) { return is_ready(s->operations) || is_ready(s->calls); });
}

std::vector<std::deque<operation>*> stream_draw::ready() const {
  std::vector<std::deque<operation>*> queues;
  for (const auto& s : streams_)
    for (auto* queue : {&s->operations, &s->calls})
      if (is_ready(*queue)) queues.push_back(queue);
  return queues;
}

std::optional<operation> stream_draw::draw() {
  auto queues = ready();
  if (queues.empty()) return std::nullopt;
  auto& queue = *queues[random_() % queues.size()];
  auto drawn = std::move(queue.front());
  queue.pop_front();
  return drawn;
}

}  // namespace chromatin::gpu::cuda
