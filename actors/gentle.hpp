#pragma once

/// Threads for work that nobody waits for: they take what others leave of the processor.

namespace chromatin {

/// This thread, and those that it starts, run when no other thing wants the processor; whoever wakes up takes it from
/// them at once, which niceness alone does not say.
void be_gentle();

/// While one exists, its thread works in stints: after a tenth of a millisecond it sleeps for as long, wherever it is
/// just then, by a timer and the signal SIGRTMIN. The kernel moves threads that wait for a busy processor to another
/// one when that falls idle. Beside a thread that always has something to do, even at SCHED_IDLE, none ever does, and
/// they wait for milliseconds. At most one in a thread.
class short_stints {
 public:
  short_stints();
  ~short_stints();
  short_stints(const short_stints&) = delete;
  short_stints& operator=(const short_stints&) = delete;

  /// Whether this thread works in stints.
  static bool here();
};

}  // namespace chromatin
