#pragma once

/// An emulated device: memory, streams, events, copies and graphs as CUDA has them, on the host. Which stream's work
/// is done next is drawn from a seed among all that the events allow, so a wait that is missing becomes wrong bytes
/// that a seed reproduces. What a real device would take badly or silently (a copy beyond its memory, host memory that
/// is not pinned, memory that is given back too early, a destroyed event) ends the process with the reason.

#include <cstdint>
#include <memory>
#include <string>

#include "gpu/cuda/runtime.hpp"

namespace chromatin::gpu::cuda {

struct emulated_options {
  std::uint64_t seed = 1;  ///< of the order of work, and of the order of a kernel's threads
  /// A thread does the work as it comes. Without it nothing is done outside poll() and synchronize(), so that a test
  /// on one thread is the same each time.
  bool own_thread = true;
  std::size_t memory_bytes = std::size_t{1} << 30;
};

class emulated_runtime : public runtime {
 public:
  /// Does one operation (a kernel, a copy, a record, a wait, a call of then()), drawn among all that may be next. False
  /// when there is none.
  virtual bool poll() = 0;
  /// Something is enqueued or under way.
  virtual bool busy() const = 0;
  /// From now on the device has failed: nothing that is enqueued is done, and every then() is called with false.
  virtual void fail(std::string reason) = 0;
};

/// Its destructor does what is enqueued first. All memory of the device was given back by then.
std::shared_ptr<emulated_runtime> make_emulated_device(const emulated_options& options = {});

}  // namespace chromatin::gpu::cuda
