#pragma once

/// A device as slow as one wants: for measurements of how a slower disk is lived with.

#include "io/device.hpp"

namespace chromatin::io {

struct device_speed {
  double bytes_per_s = 100e6;  ///< of all transfers together, one after the other
  double latency_us = 5000;    ///< of every operation, before its transfer; those of several overlap
  std::uint32_t running_max = 32;
};

/// Passes everything to `behind`, not sooner than a disk of this speed could have carried it out. Urgency and
/// cancellation hold as for any device.
std::unique_ptr<device> make_slow_device(std::unique_ptr<device> behind, const device_speed& speed);

}  // namespace chromatin::io
