#pragma once

/// Work that is done for one client at a time, in the order in which it came. Event loop thread only.

#include <deque>

#include <kj/async.h>

namespace chromatin::http {

class turnstile {
 public:
  /// Whoever has it is in; the next one is when it is destroyed.
  class pass {
   public:
    explicit pass(turnstile& of) : of_{of} {}
    ~pass() noexcept(false) { of_.leave(); }
    KJ_DISALLOW_COPY(pass);

   private:
    turnstile& of_;
  };

  /// Dropping the promise leaves the line.
  kj::Promise<kj::Own<pass>> enter();
  /// Until this is done: also when nobody waits for it any more, since what is under way in a thread cannot be stopped.
  void hold(kj::Own<pass> in, kj::Promise<void> until) { held_.add(until.attach(kj::mv(in))); }

 private:
  void leave();

  struct ignore final : kj::TaskSet::ErrorHandler {
    void taskFailed(kj::Exception&&) override { /* told to who waits for it */
    }
  };

  bool taken_ = false;
  std::deque<kj::Own<kj::PromiseFulfiller<kj::Own<pass>>>> waiting_;
  ignore broken_;
  kj::TaskSet held_{broken_};
};

}  // namespace chromatin::http
