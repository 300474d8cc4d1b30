#pragma once

/// A disk that keeps nothing: operations end when one of the machine's speed would have carried them out. Reads share
/// one bandwidth and writes another; latencies of several operations overlap. What it reads is zeros.

#include "io/device.hpp"
#include "sim/machine/model_of_time.hpp"
#include "sim/machine/timeline.hpp"

namespace chromatin::sim {

class modelled_disk final : public io::device {
 public:
  /// The others outlive it.
  modelled_disk(std::uint32_t segments, const machine& m, const model_of_time& time, timeline& events);

  double bytes_read() const { return reads_.bytes(); }
  double bytes_read_urgently() const { return urgent_bytes_; }  ///< of these: while a turn waited for them
  double bytes_written() const { return writes_.bytes(); }

 protected:
  void wake() override;

 private:
  void take_all();

  const model_of_time& time_;
  timeline& events_;
  timeline::duration latency_;
  channel reads_, writes_;
  double urgent_bytes_ = 0;
  bool woken_ = false;
};

}  // namespace chromatin::sim
