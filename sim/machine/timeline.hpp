#pragma once

/// What will happen in a simulation, in order of time. Events at the same time happen in the order in which they were
/// planned, so that the same run is the same to the last byte. One thread.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace chromatin::sim {

class timeline {
 public:
  using time_point = std::chrono::steady_clock::time_point;  ///< as CAF's clocks have it
  using duration = std::chrono::nanoseconds;

  explicit timeline(time_point begin) : now_{begin} {}

  time_point now() const { return now_; }
  /// Never before now.
  void at(time_point when, std::function<void()> what);
  /// The time of the next event; none if nothing is planned.
  std::optional<time_point> next() const;
  /// The clock goes to `when`, but not back, and what is due happens, and what that plans for now.
  void move_to(time_point when);
  /// Forgets all that is planned.
  void clear() { events_.clear(); }

 private:
  struct event {
    time_point when;
    std::uint64_t number = 0;
    std::function<void()> what;
  };
  static bool later(const event& a, const event& b) { return a.when != b.when ? a.when > b.when : a.number > b.number; }

  time_point now_;
  std::uint64_t planned_ = 0;
  std::vector<event> events_;  ///< a heap, the next one first
};

inline timeline::duration from_us(double us) { return timeline::duration{static_cast<std::int64_t>(us * 1e3 + 0.5)}; }

/// A channel that carries one thing after the other.
class channel {
 public:
  explicit channel(double bytes_per_s) : bytes_per_s_{bytes_per_s} {}

  /// When something of so many bytes that comes now has been carried.
  timeline::time_point carry(timeline::time_point now, double bytes) {
    free_at_ = std::max(now, free_at_) + from_us(1e6 * bytes / bytes_per_s_);
    bytes_ += bytes;
    return free_at_;
  }
  double bytes() const { return bytes_; }  ///< that it was given so far

 private:
  double bytes_per_s_;
  double bytes_ = 0;
  timeline::time_point free_at_{};
};

}  // namespace chromatin::sim
