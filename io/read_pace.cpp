#include "io/read_pace.hpp"

#include <algorithm>

#include "kv/check.hpp"

namespace chromatin::io {
namespace {

using std::chrono::steady_clock;

/// A burst that does not end is looked at in pieces of this size.
constexpr double burst_bytes_max = 16e6;
/// What a burst's weight shrinks to with every later one.
constexpr double fading = 0.8;
constexpr auto stale_after = std::chrono::seconds{30};

double us_between(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

}  // namespace

void read_pace::began(time_point now) {
  if (under_way_++ == 0) since_ = now;
}

void read_pace::ended(time_point now, std::uint64_t bytes) {
  CHROMATIN_CHECK(under_way_ > 0, "what ends has begun");
  --under_way_;
  bytes_ += static_cast<double>(bytes);
  if (under_way_ > 0 && bytes_ < burst_bytes_max) return;
  if (bytes_ > 0) {
    learn(us_between(since_, now), bytes_);
    learned_ = now;
  }
  bytes_ = 0;
  since_ = now;
}

void read_pace::learn(double us, double bytes) {
  for (auto* sum : {&weight_, &sum_bytes_, &sum_us_, &sum_bytes_bytes_, &sum_bytes_us_}) *sum *= fading;
  weight_ += 1;
  sum_bytes_ += bytes;
  sum_us_ += us;
  sum_bytes_bytes_ += bytes * bytes;
  sum_bytes_us_ += bytes * us;
}

bool read_pace::is_stale(time_point now) const { return weight_ == 0 || now - learned_ > stale_after; }

/// A line through the bursts; where it would say that reading nothing takes less than no time, or that more bytes take
/// no longer, one through the origin.
double read_pace::us(std::uint64_t bytes) const {
  if (weight_ == 0) return 0;
  auto mean_bytes = sum_bytes_ / weight_, mean_us = sum_us_ / weight_;
  auto spread = sum_bytes_bytes_ / weight_ - mean_bytes * mean_bytes;
  auto slope = spread > 1e-3 * mean_bytes * mean_bytes ? (sum_bytes_us_ / weight_ - mean_bytes * mean_us) / spread : 0;
  auto latency = mean_us - slope * mean_bytes;
  if (slope <= 0 || latency < 0) return mean_us / mean_bytes * static_cast<double>(bytes);
  return latency + slope * static_cast<double>(bytes);
}

}  // namespace chromatin::io
