#include "gpu/cuda/event_pool.hpp"

namespace chromatin::gpu::cuda {

event_pool::~event_pool() {
  for (auto e : free_) runtime_->destroy(e);
}

shared_event event_pool::record(stream in) {
  event taken = nullptr;
  {
    std::lock_guard lock{mutex_};
    if (!free_.empty()) {
      taken = free_.back();
      free_.pop_back();
    }
  }
  if (!taken) taken = runtime_->make_event(timed_);
  shared_event shared{taken, [pool = shared_from_this()](event e) {
                        std::lock_guard lock{pool->mutex_};
                        pool->free_.push_back(e);
                      }};
  runtime_->record(taken, in);
  return shared;
}

const device_fence* behind(const fence& f) { return dynamic_cast<const device_fence*>(f.behind().get()); }

}  // namespace chromatin::gpu::cuda
