#pragma once

/// One read, write or sync of a device, and what a kernel's answer to it means. Pure values; any thread.

#include <cstddef>
#include <cstdint>
#include <functional>

namespace chromatin::io {

/// Where bytes stand. Offsets, and the lengths and addresses of memory, are multiples of `alignment_bytes` (direct
/// I/O).
struct extent {
  std::uint32_t segment = 0;
  std::uint64_t offset_bytes = 0;

  bool operator==(const extent&) const = default;
};

inline constexpr std::size_t alignment_bytes = 4096;

/// How much an operation matters, most urgent first.
enum class urgency : std::uint8_t {
  turn_waits,     ///< a turn cannot go on without it
  ahead_of_need,  ///< a turn will want it soon
  saving,         ///< nobody waits
  checking,       ///< nobody will ever ask for it
};
inline constexpr std::size_t urgencies = 4;

/// Names an operation from its order to its end; unique in its device, never 0.
using operation_id = std::uint64_t;

/// How an operation ended: 0 or an errno value. A transfer that came short is never reported as done.
using io_done = std::function<void(int error)>;

struct operation {
  enum class kind : std::uint8_t { read, write, sync };

  operation_id id = 0;
  kind what = kind::read;
  urgency wanted = urgency::saving;
  extent where;
  std::byte* data = nullptr;  ///< a write only reads it
  std::size_t size_bytes = 0;
  io_done done;
  std::uint32_t put_off = 0;  ///< how often in a row the kernel asked to try again later
};

/// A transfer goes to the kernel in pieces of at most this size, so that a long write does not stand in the way of an
/// urgent read for longer than a piece takes.
inline constexpr std::size_t piece_bytes_max = std::size_t{1} << 20;

/// How often in a row the kernel may put an operation off before that is an error.
inline constexpr std::uint32_t put_off_max = 100;

/// What follows from the kernel's answer to an operation.
struct verdict {
  bool again = false;  ///< the operation, which now says what is left of it, must go to the kernel again
  int error = 0;       ///< if not: how it ended
};

/// `answer`: bytes moved, or a negative errno value. Takes what was moved off the operation.
verdict judge(operation& op, std::int64_t answer);

}  // namespace chromatin::io
