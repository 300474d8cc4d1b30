#pragma once

/// What `chromatin top` shows: a screen full of the counters that tell how a server does. Pure.

#include <string>

#include "apps/top/sample.hpp"

namespace chromatin::top {

struct screen {
  std::size_t columns = 80, rows = 24;
  bool colours = false;  ///< with the marks of a terminal
};

/// Lines with "\n" at their ends, none longer than the screen is wide, no more of them than it is high. `title` is the
/// first.
std::string frame(const sample& now, const sample* before, const std::string& title, const screen& on);

}  // namespace chromatin::top
