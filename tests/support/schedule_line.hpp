#pragma once

/// A line of a schedule of recalls (archive/schedule.hpp).

#include <chrono>
#include <ctime>
#include <string>

#include <fmt/chrono.h>

namespace chromatin::test {

inline std::string schedule_line(std::chrono::sys_seconds when, const std::string& tenant, const std::string& id) {
  const std::time_t seconds = when.time_since_epoch().count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ} {} {}\n", fmt::gmtime(seconds), tenant, id);
}

}  // namespace chromatin::test
