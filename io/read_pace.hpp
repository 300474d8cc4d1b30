#pragma once

/// How fast a device reads, learned from what it read: what a tier promises is computed from it. Pure.
///
/// A burst, from the first read on an idle device until none is under way, takes latency + bytes / speed. Both are
/// fitted to the bursts, of which older ones count less.

#include <chrono>
#include <cstdint>

namespace chromatin::io {

class read_pace {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  void began(time_point now);
  /// One that began has ended, and moved so many bytes; 0 if it failed or was cancelled.
  void ended(time_point now, std::uint64_t bytes);

  /// Nothing was read yet, or so long ago that the device may be another by now.
  bool is_stale(time_point now) const;
  /// Microseconds that reading so many bytes takes, when nothing else is read.
  double us(std::uint64_t bytes) const;

 private:
  void learn(double us, double bytes);

  std::uint32_t under_way_ = 0;
  time_point since_{}, learned_{};
  double bytes_ = 0;  ///< of the burst
  double weight_ = 0, sum_bytes_ = 0, sum_us_ = 0, sum_bytes_bytes_ = 0, sum_bytes_us_ = 0;
};

}  // namespace chromatin::io
