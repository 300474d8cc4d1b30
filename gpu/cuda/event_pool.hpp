#pragma once

/// Events that are used again, and fences that stand for a point in a stream.

#include <memory>
#include <mutex>
#include <vector>

#include "gpu/cuda/runtime.hpp"
#include "gpu/fence.hpp"

namespace chromatin::gpu::cuda {

/// Goes back to its pool with the last copy.
using shared_event = std::shared_ptr<event_handle>;

/// Thread-safe. Held by shared pointer; its events keep it alive, and it keeps the runtime alive.
class event_pool : public std::enable_shared_from_this<event_pool> {
 public:
  /// `timed`: the runtime can tell the time between its events.
  explicit event_pool(std::shared_ptr<runtime> of, bool timed = false) : runtime_{std::move(of)}, timed_{timed} {}
  ~event_pool();

  /// An event that was recorded in the stream just now.
  shared_event record(stream in);

 private:
  std::shared_ptr<runtime> runtime_;
  bool timed_;
  std::mutex mutex_;
  std::vector<event> free_;
};

/// Behind a fence of this device: streams wait for the event instead of the host for the flag.
class device_fence final : public fence_flag {
 public:
  device_fence(shared_event reached, bool event_is_enough)
      : reached_{std::move(reached)}, event_is_enough_{event_is_enough} {}

  event reached() const { return reached_.get(); }
  /// False where the fence can still fail when the event was reached: what was loaded is compared afterwards.
  bool event_is_enough() const { return event_is_enough_; }

 private:
  shared_event reached_;
  bool event_is_enough_;
};

/// The fence's, or null for one of another kind.
const device_fence* behind(const fence& f);

}  // namespace chromatin::gpu::cuda
