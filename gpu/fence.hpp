#pragma once

/// Fences: points in a device's order of work. They travel in messages instead of anybody waiting for the device.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace chromatin::gpu {

/// A point in a device's order of work. It ends once: it passes when everything before it is done, or it fails when
/// something before it failed. Cheap to copy; any thread. A default fence has passed.
class fence {
 public:
  enum class status : std::uint8_t { pending, passed, failed };

  /// What a fence looks at: our own flag now, an event of a device's driver later. Thread-safe.
  class state {
   public:
    virtual ~state() = default;
    virtual status look() const = 0;
    virtual void then(std::function<void(bool passed)> callback) = 0;
  };

  fence() = default;
  explicit fence(std::shared_ptr<state> behind) : state_{std::move(behind)} {}

  bool passed() const { return look() == status::passed; }
  bool failed() const { return look() == status::failed; }
  bool over() const { return look() != status::pending; }  ///< passed or failed

  /// Calls `callback` once: at once if the fence is over, else from the thread that ends it, which it must not block.
  void then(std::function<void(bool passed)> callback) const;
  /// For a device that made it; null in a default fence.
  const std::shared_ptr<state>& behind() const { return state_; }

 private:
  status look() const { return state_ ? state_->look() : status::passed; }

  std::shared_ptr<state> state_;
};

/// Behind a fence that somebody ends. Thread-safe.
class fence_flag : public fence::state {
 public:
  fence::status look() const override { return status_.load(std::memory_order_acquire); }
  void then(std::function<void(bool passed)> callback) override;
  /// Once; calls who waits.
  void end(bool passed);

 private:
  std::atomic<fence::status> status_{fence::status::pending};
  std::mutex mutex_;
  std::vector<std::function<void(bool)>> waiting_;
};

/// Ends a fence. One that is destroyed before it ended its fence fails it, so that nobody waits for ever.
class fence_source {
 public:
  fence_source();
  fence_source(fence_source&&) noexcept = default;
  fence_source& operator=(fence_source&& other) noexcept;
  ~fence_source();

  fence get() const;
  void pass();
  void fail();

 private:
  std::shared_ptr<fence_flag> flag_;  ///< none in a source that was moved from
};

/// Passes when all of them have, fails when one of them does.
fence join(const std::vector<fence>& fences);

}  // namespace chromatin::gpu
