#pragma once

/// How long a turn takes: what one who is refused is told to wait. Pure; one thread at a time.

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace chromatin {

class turn_time {
 public:
  void took(std::chrono::duration<double, std::micro> time) { mean_us_ += (time.count() - mean_us_) / 16; }
  /// Neither at once nor never.
  std::chrono::milliseconds retry_after() const {
    return std::clamp(std::chrono::milliseconds{static_cast<std::int64_t>(mean_us_ / 1000)},
                      std::chrono::milliseconds{100}, std::chrono::milliseconds{30'000});
  }

 private:
  double mean_us_ = 500'000;  ///< a running mean
};

}  // namespace chromatin
