#pragma once

/// What the CUDA executor needs of a device's driver: memory, streams, events, copies, kernels. Two things implement
/// it: the CUDA runtime (gpu/cuda/device/) and an emulation that runs on any machine (gpu/cuda/emulated/). Enqueuing
/// never waits and never throws: what goes wrong in the device is noted, and then() and error() tell of it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/products.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu::cuda {

/// A point in a stream's order of work. Made and destroyed by the runtime; wait() on one that was never recorded
/// waits for nothing.
using event = struct event_handle*;

/// Work that was captured once and is launched as a whole.
using graph = struct graph_handle*;

/// Bytes that are to be at another place, too.
struct byte_copy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  std::size_t bytes = 0;
};

struct device_properties {
  std::string name;    ///< "NVIDIA H100 80GB HBM3", "emulated"
  std::string driver;  ///< its version, for reports
  std::uint32_t multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t shared_bytes_max = 0;  ///< of one block of threads
};

/// Thread-safe. Work of one stream runs in its order; only events order streams among each other.
class runtime {
 public:
  virtual ~runtime() = default;

  virtual const device_properties& properties() const = 0;
  virtual const kernel_table& kernels() const = 0;
  /// Lives as long as the runtime.
  virtual products& multiplier() = 0;

  /// Memory of the device, aligned to 4 KiB, with arbitrary contents; only kernels and copies may touch it. Throws
  /// std::bad_alloc. Whoever gives it back has waited until no work uses it. Does not outlive the runtime.
  virtual kv::memory_block allocate(std::size_t bytes) = 0;
  virtual std::size_t free_bytes() const = 0;
  /// Memory of the host from and to which copies are asynchronous, aligned to 4 KiB. Throws std::bad_alloc.
  virtual kv::memory_block pinned(std::size_t bytes) = 0;

  /// A stream of its own; `urgent` ones go first where the device has a choice.
  virtual stream make_stream(bool urgent = false) = 0;
  /// What was enqueued is done first.
  virtual void destroy(stream) noexcept = 0;
  /// `timed`: for elapsed_ms(). Without, streams wait for it with less delay.
  virtual event make_event(bool timed = false) = 0;
  /// After its last record() was reached, or at once if it has none; waits of streams for it are kept.
  virtual void destroy(event) noexcept = 0;

  virtual void record(event, stream) = 0;
  /// The stream goes on when the event's last record() so far was reached.
  virtual void wait(stream, event) = 0;
  /// Between any two places; what is in host memory is pinned. Source and target stay as they are until it is done.
  virtual void copy(stream, void* to, const void* from, std::size_t bytes) = 0;
  /// `rows` pieces of `bytes`, which begin so many bytes apart.
  virtual void copy_rows(stream, void* to, std::size_t to_stride, const void* from, std::size_t from_stride,
                         std::size_t bytes, std::size_t rows) = 0;
  /// Many copies, none of them empty, in any order among each other: one by one they would leave a link idle between any
  /// two.
  virtual void copy_many(stream, std::span<const byte_copy>) = 0;
  /// Calls from a thread of the runtime's, in the stream's order, when all before it is done, or with false when the
  /// device failed. The call may enqueue; it must not wait. The stream does not wait for it.
  virtual void then(stream, std::function<void(bool passed)> call) = 0;
  /// Waits for the stream and for its calls of then(): at the start, at the end and for measuring, never in a call.
  /// False when the device failed.
  virtual bool synchronize(stream) = 0;

  /// Between them, what is enqueued in the stream (kernels and copies within the device) is noted and not run.
  virtual void begin_capture(stream) = 0;
  /// Null when the device cannot.
  virtual graph end_capture(stream) = 0;
  virtual void launch(stream, graph) = 0;
  virtual void destroy(graph) noexcept = 0;

  /// Milliseconds between two recorded events that were reached, both timed.
  virtual double elapsed_ms(event begin, event end) = 0;

  /// What the device failed with first, as a sentence; empty while it has not. A real device stays failed.
  virtual std::string error() const = 0;
};

struct device_options {
  std::uint32_t number = 0;
  std::filesystem::path algorithms;  ///< file in which products keep which algorithms are fastest; empty: nowhere
};

/// A deleter: a runtime whose last owner goes in one of its own calls is destroyed by another thread, since it waits
/// for its calls.
template <class Runtime>
void destroy_elsewhere_if_called(Runtime* on) {
  if (on->is_own_call())
    std::thread{[on] { delete on; }}.detach();
  else
    delete on;
}

/// The machine's device of that number. Throws std::runtime_error with the reason in one line ("cuda: no device …").
std::shared_ptr<runtime> open_device(const device_options& options = {});

}  // namespace chromatin::gpu::cuda
