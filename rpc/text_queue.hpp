#pragma once

/// An answer's text on its way from the scheduler's thread to the event loop. The scheduler never waits: what the
/// client has not taken yet piles up here, bounded by the answer's token limit.

#include <memory>
#include <mutex>
#include <string>

#include <kj/async.h>

#include "actors/messages.hpp"

namespace chromatin::rpc {

class text_queue final : public token_sink {
 public:
  ~text_queue() noexcept override {}  // KJ's handles may throw from theirs, this class's base may not

  /// Any thread.
  void text(std::string_view more) override {
    std::lock_guard lock{mutex_};
    pending_ += more;
    wake();
  }

  /// No more text will come. Any thread.
  void close() {
    std::lock_guard lock{mutex_};
    closed_ = true;
    wake();
  }

  /// All text that has come since the last call; waits for some. Empty: closed, and everything was taken. Loop thread
  /// only.
  kj::Promise<std::string> next() {
    std::lock_guard lock{mutex_};
    if (!pending_.empty() || closed_) return std::exchange(pending_, {});
    auto pair = kj::newPromiseAndCrossThreadFulfiller<void>();
    waiter_ = kj::mv(pair.fulfiller);
    return pair.promise.then([this] { return next(); });
  }

 private:
  void wake() {
    KJ_IF_MAYBE (waiter, waiter_) {
      (*waiter)->fulfill();
      waiter_ = nullptr;
    }
  }

  std::mutex mutex_;
  std::string pending_;
  bool closed_ = false;
  kj::Maybe<kj::Own<kj::CrossThreadPromiseFulfiller<void>>> waiter_;
};

}  // namespace chromatin::rpc
