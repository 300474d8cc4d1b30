// Work for one client at a time.

#include "http/turnstile.hpp"

#include <gtest/gtest.h>
#include <kj/debug.h>

namespace chromatin::http {
namespace {

class Turnstile : public testing::Test {
 public:
  ~Turnstile() noexcept override = default;  // KJ's may throw

 protected:
  using entered = kj::Promise<kj::Own<turnstile::pass>>;

  kj::EventLoop loop_;
  kj::WaitScope scope_{loop_};
  turnstile line_;
};

TEST_F(Turnstile, TheNextIsInWhenTheOneBeforeIsOut) {
  auto first = line_.enter(), second = line_.enter(), third = line_.enter();
  auto in = first.wait(scope_);
  EXPECT_FALSE(second.poll(scope_));
  in = nullptr;
  EXPECT_TRUE(second.poll(scope_));
  EXPECT_FALSE(third.poll(scope_));
  in = second.wait(scope_);
  in = nullptr;
  EXPECT_TRUE(third.poll(scope_));
}

TEST_F(Turnstile, WhoLeavesTheLineIsPassedOver) {
  auto in = line_.enter().wait(scope_);
  kj::Maybe<entered> gone = line_.enter();
  auto next = line_.enter();
  gone = nullptr;
  in = nullptr;
  EXPECT_TRUE(next.poll(scope_));
}

TEST_F(Turnstile, WhoGoesAwayAsItsTurnComesLeavesNobodyOutside) {
  { auto first = line_.enter(); }
  auto second = line_.enter();
  EXPECT_TRUE(second.poll(scope_));
  kj::Maybe<entered> third = line_.enter();
  { auto in = second.wait(scope_); }
  third = nullptr;  // it was let in, and has not heard of it
  EXPECT_TRUE(line_.enter().poll(scope_));
}

TEST_F(Turnstile, WhatGoesOnWithoutItsClientIsWaitedFor) {
  auto work = kj::newPromiseAndFulfiller<void>();
  line_.hold(line_.enter().wait(scope_), kj::mv(work.promise));
  auto next = line_.enter();
  EXPECT_FALSE(next.poll(scope_));
  work.fulfiller->reject(KJ_EXCEPTION(FAILED, "it fails"));
  EXPECT_TRUE(next.poll(scope_));
}

}  // namespace
}  // namespace chromatin::http
