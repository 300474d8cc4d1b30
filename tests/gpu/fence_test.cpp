#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "gpu/fence.hpp"

namespace chromatin::gpu {
namespace {

/// What a callback of the fence was told: nothing, "passed" or "failed", once for each call.
std::shared_ptr<std::string> listen(const fence& f) {
  auto told = std::make_shared<std::string>();
  f.then([told](bool passed) { *told += passed ? "passed" : "failed"; });
  return told;
}

TEST(Fence, ADefaultOneHasPassed) {
  fence f;
  EXPECT_TRUE(f.passed() && f.over() && !f.failed());
  EXPECT_EQ(*listen(f), "passed");
}

TEST(Fence, CallsBackWhenItEndsAndAtOnceAfterwards) {
  for (bool right : {true, false}) {
    fence_source source;
    auto f = source.get();
    EXPECT_FALSE(f.passed() || f.failed() || f.over());
    auto early = listen(f);
    EXPECT_EQ(*early, "");
    right ? source.pass() : source.fail();
    EXPECT_EQ(f.passed(), right);
    EXPECT_EQ(f.failed(), !right);
    EXPECT_TRUE(f.over());
    EXPECT_EQ(*early, right ? "passed" : "failed");
    EXPECT_EQ(*listen(f), *early);
  }
}

TEST(Fence, ASourceThatIsDestroyedFailsWhatItHasNotEnded) {
  std::shared_ptr<std::string> told;
  fence f;
  {
    fence_source source;
    f = source.get();
    told = listen(f);
    auto moved = std::move(source);
    EXPECT_FALSE(f.over());
  }
  EXPECT_TRUE(f.failed());
  EXPECT_EQ(*told, "failed");
}

TEST(Fence, AssigningASourceFailsTheOneItHeld) {
  fence_source source;
  auto f = source.get();
  source = fence_source{};
  EXPECT_TRUE(f.failed());
}

TEST(FenceDeathTest, EndsOnce) {
  fence_source source;
  source.pass();
  EXPECT_DEATH(source.fail(), "a fence ends once");
}

TEST(Fence, EveryCallbackComesOnceWhoeverIsFaster) {
  for (int round = 0; round < 200; ++round) {
    fence_source source;
    std::atomic<int> calls{0};
    std::thread ends{[&] { source.pass(); }};
    std::thread listens{[f = source.get(), &calls] {
      for (int i = 0; i < 10; ++i) f.then([&](bool passed) { calls += passed ? 1 : 100; });
    }};
    ends.join();
    listens.join();
    ASSERT_EQ(calls, 10);
  }
}

}  // namespace
}  // namespace chromatin::gpu
