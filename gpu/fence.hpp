#pragma once

/// Fences: points in a device's order of work. They travel in messages instead of anybody waiting for the device.

#include <cstdint>
#include <functional>
#include <memory>
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

 private:
  status look() const { return state_ ? state_->look() : status::passed; }

  std::shared_ptr<state> state_;
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
  class flag;
  std::shared_ptr<flag> flag_;  ///< none in a source that was moved from
};

/// Passes when all of them have, fails when one of them does.
fence join(const std::vector<fence>& fences);

}  // namespace chromatin::gpu
