#pragma once

/// A terminal that shows one frame after the other in place of what stood there, which comes back at the end.

#include <chrono>

#include "apps/top/frame.hpp"

namespace chromatin::top {

class full_screen {
 public:
  full_screen();
  ~full_screen();
  full_screen(const full_screen&) = delete;
  full_screen& operator=(const full_screen&) = delete;

  /// As it is now.
  screen size() const;
  void show(const std::string& frame);
  /// False as soon as q or ^C is typed, or SIGTERM or SIGHUP comes; true after the time, or when the window has another
  /// size.
  bool wait(std::chrono::milliseconds time);
};

}  // namespace chromatin::top
