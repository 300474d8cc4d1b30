#include "http/turnstile.hpp"

#include <utility>

namespace chromatin::http {

kj::Promise<kj::Own<turnstile::pass>> turnstile::enter() {
  if (!std::exchange(taken_, true)) return kj::heap<pass>(*this);
  auto pair = kj::newPromiseAndFulfiller<kj::Own<pass>>();
  waiting_.push_back(kj::mv(pair.fulfiller));
  return kj::mv(pair.promise);
}

void turnstile::leave() {
  while (!waiting_.empty()) {
    auto next = kj::mv(waiting_.front());
    waiting_.pop_front();
    if (next->isWaiting()) return next->fulfill(kj::heap<pass>(*this));
  }
  taken_ = false;
}

}  // namespace chromatin::http
