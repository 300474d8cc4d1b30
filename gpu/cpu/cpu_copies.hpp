#pragma once

/// The CPU's copy engine: a thread of its own that moves slices in the order in which their fences end.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "gpu/slice_mover.hpp"

namespace chromatin::gpu {

class cpu_copies final : public copy_engine {
 public:
  explicit cpu_copies(slice_mover mover);
  ~cpu_copies() override;

  fence in(std::vector<slice_copy> slices, copied done) override;
  void out(std::vector<slice_copy> slices, fence after, copied done) override;
  fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, fence after) override;

 private:
  /// Gets the mover, or nothing when the copy fails.
  using job = std::function<void(slice_mover*)>;

  /// Where jobs wait for the thread. Fences that end late still know it when the engine is gone.
  struct inbox {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<job> jobs;
    bool closed = false;

    void put(job next);
    /// None when the inbox is closed.
    job take();
  };
  /// Puts a job in the inbox when `after` has passed; when it fails, a job that fails.
  void put_after(const fence& after, job next);

  std::shared_ptr<inbox> inbox_ = std::make_shared<inbox>();
  slice_mover mover_;
  std::thread thread_;
};

}  // namespace chromatin::gpu
