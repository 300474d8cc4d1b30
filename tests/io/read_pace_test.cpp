// What is learned of a device from its reads.

#include "io/read_pace.hpp"

#include <gtest/gtest.h>

namespace chromatin::io {
namespace {

using std::chrono::microseconds;

struct ReadPace : ::testing::Test {
  /// So many reads at once, which take so long together.
  void burst(int reads, std::uint64_t bytes_of_one, microseconds takes) {
    for (int i = 0; i < reads; ++i) pace.began(now);
    now += takes;
    for (int i = 0; i < reads; ++i) pace.ended(now, bytes_of_one);
  }
  /// Of a device with 5 ms and 100 bytes a microsecond.
  void usual_burst(int reads) { burst(reads, 100'000, microseconds{5000 + 1000 * reads}); }

  read_pace pace;
  read_pace::time_point now{std::chrono::hours{1}};
};

TEST_F(ReadPace, ADeviceThatWasNotReadIsTakenForFastAndStale) {
  EXPECT_EQ(pace.us(1'000'000), 0);
  EXPECT_TRUE(pace.is_stale(now));
  usual_burst(1);
  EXPECT_FALSE(pace.is_stale(now));
  EXPECT_TRUE(pace.is_stale(now + std::chrono::minutes{1}));
}

TEST_F(ReadPace, LatencyAndSpeedAreToldApart) {
  for (int i = 1; i < 9; ++i) usual_burst(i);
  EXPECT_NEAR(pace.us(10'000'000), 105'000, 1000);
  EXPECT_NEAR(pace.us(100'000), 6000, 100);
}

TEST_F(ReadPace, BurstsOfOneSizeGiveASpeedOnly) {
  for (int i = 1; i < 9; ++i) usual_burst(5);
  EXPECT_NEAR(pace.us(1'000'000), 20'000, 100);
}

TEST_F(ReadPace, AReadThatFailedCountsAsNothingRead) {
  burst(1, 0, microseconds{1});
  EXPECT_TRUE(pace.is_stale(now));
}

TEST_F(ReadPace, ADeviceThatIsNeverIdleIsLearnedFromAllTheSame) {
  pace.began(now);
  for (int i = 0; i < 1000; ++i) {
    pace.began(now);
    now += microseconds{1000};
    pace.ended(now, 100'000);
  }
  EXPECT_NEAR(pace.us(1'000'000), 10'000, 500);
}

TEST_F(ReadPace, ADiskThatBecomesSlowIsKnownAfterAFewBursts) {
  for (int i = 1; i < 9; ++i) usual_burst(i);
  for (int i = 1; i < 9; ++i) burst(i, 100'000, microseconds{50'000 * i});
  EXPECT_GT(pace.us(1'000'000), 300'000);
}

}  // namespace
}  // namespace chromatin::io
