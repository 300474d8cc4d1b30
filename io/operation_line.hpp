#pragma once

/// The operations of a device that wait for the kernel or are in it: which goes next, and how many at one time. Pure
/// logic, no thread: the device guards it with its lock.
///
/// The more urgent goes first, and equals go in the order in which they came. Three rules keep it fair:
///  - at most `running_max` operations run at one time, at most half of them ahead of need, a quarter saving and one
///    checking, so that an urgent read finds a short way through the kernel;
///  - a line that was passed over `passed_over_max` times in a row has the next turn, so that saving is never starved;
///  - what was cancelled comes out at once, whatever runs: its owner waits for the answer.

#include <array>
#include <deque>
#include <optional>

#include "io/operation.hpp"

namespace chromatin::io {

class operation_line {
 public:
  static constexpr std::uint32_t passed_over_max = 15;

  explicit operation_line(std::uint32_t running_max);

  /// Puts a new operation last in its line; its id must be new.
  void add(operation op);
  /// Takes a waiting operation out of its line; `next` hands it out as cancelled. False if it is not waiting: it runs,
  /// is over, or was cancelled before.
  bool cancel(operation_id id);

  struct chosen {
    operation op;
    bool cancelled = false;  ///< if not, it counts as running until `again` or `over`
  };
  /// The operation whose turn it is, if there is one and room for it.
  std::optional<chosen> next();
  /// A running operation has to go to the kernel once more: it is first in its line.
  void again(operation op);
  /// A running operation of this urgency ended.
  void over(urgency wanted);

  /// Nothing waits, runs or has to be told that it was cancelled.
  bool idle() const { return waiting() == 0 && running() == 0 && cancelled_.empty(); }
  std::size_t waiting() const;
  std::uint32_t running() const;
  std::uint32_t running_max() const { return running_max_; }

 private:
  struct line {
    std::deque<operation> waiting;
    std::uint32_t running = 0;
    std::uint32_t running_max = 0;
    std::uint32_t passed_over = 0;
  };
  line& of(urgency wanted) { return lines_[static_cast<std::size_t>(wanted)]; }
  line* choose();

  std::uint32_t running_max_;
  std::array<line, urgencies> lines_;
  std::deque<operation> cancelled_;
};

}  // namespace chromatin::io
