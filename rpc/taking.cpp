#include "rpc/taking.hpp"

#include <algorithm>
#include <utility>

namespace chromatin::rpc {

kj::Promise<void> too_late(kj::Timer& timer, const door_limits& limits, std::function<bool()> is_computed) {
  auto after = [&timer](std::chrono::milliseconds time) { return timer.afterDelay(time.count() * kj::MILLISECONDS); };
  auto soon = std::min(limits.read_within, limits.message_within), rest = limits.message_within - soon;
  return after(soon).then([after, rest, is_computed = std::move(is_computed)]() -> kj::Promise<void> {
    if (is_computed()) return kj::READY_NOW;
    return after(rest);
  });
}

}  // namespace chromatin::rpc
