#pragma once

/// Streams of an emulated device, and the draw among them. Nothing here locks: the runtime does.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "gpu/cuda/emulated/stream.hpp"
#include "gpu/cuda/kernels.hpp"

namespace chromatin::gpu::cuda {

/// A place in a stream. Each record() of an event makes one, so that a later record does not move earlier waits.
struct stream_mark {
  bool reached = false, passed = false;
  std::uint64_t at = 0;  ///< operations of all streams that were done before it
};

struct operation {
  std::shared_ptr<const stream_mark> after;      ///< is not drawn before this is reached
  std::function<void(std::uint64_t seed)> work;  ///< left out when the device has failed
  std::function<void(bool passed)> call;         ///< of then()
  std::shared_ptr<stream_mark> reaches;
};

/// What was captured: each step enqueues itself in a stream.
using captured_steps = std::vector<std::function<void(stream)>>;

/// Enqueues an operation, or notes it while the stream is captured.
class emulated_stream final : public stream_handle {
 public:
  using sink = std::function<void(emulated_stream&, std::function<void(std::uint64_t)>)>;
  explicit emulated_stream(const void* of, sink put) : owner{of}, put_{std::move(put)} {}
  void enqueue(std::function<void(std::uint64_t seed)> work) override { put_(*this, std::move(work)); }

  const void* owner;  ///< null when it was destroyed
  std::deque<operation> operations;
  /// A stream of their own, since a stream's work does not wait for calls.
  std::deque<operation> calls;
  std::optional<captured_steps> captured;

 private:
  sink put_;
};

/// The streams of a device. A destroyed one stays, so that whoever uses it is noticed.
class stream_draw {
 public:
  explicit stream_draw(std::uint64_t seed) : random_{seed} {}

  emulated_stream& add(std::unique_ptr<emulated_stream> made) { return *streams_.emplace_back(std::move(made)); }
  bool empty() const;           ///< nothing is enqueued
  bool anything_ready() const;  ///< something can be drawn
  /// Takes one operation out, any of those whose turn it may be.
  std::optional<operation> draw();
  std::uint64_t number() { return random_(); }

 private:
  std::vector<std::deque<operation>*> ready() const;

  std::mt19937_64 random_;
  std::vector<std::unique_ptr<emulated_stream>> streams_;
};

}  // namespace chromatin::gpu::cuda
