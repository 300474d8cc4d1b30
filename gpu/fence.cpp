#include "gpu/fence.hpp"

#include <atomic>
#include <utility>
#include <vector>

#include "kv/check.hpp"

namespace chromatin::gpu {

void fence::then(std::function<void(bool passed)> callback) const {
  if (state_)
    state_->then(std::move(callback));
  else
    callback(true);
}

void fence_flag::then(std::function<void(bool)> callback) {
  {
    std::lock_guard lock{mutex_};
    if (look() == fence::status::pending) {
      waiting_.push_back(std::move(callback));
      return;
    }
  }
  callback(look() == fence::status::passed);
}

void fence_flag::end(bool passed) {
  std::vector<std::function<void(bool)>> called;
  {
    std::lock_guard lock{mutex_};
    CHROMATIN_CHECK(look() == fence::status::pending, "a fence ends once");
    status_.store(passed ? fence::status::passed : fence::status::failed, std::memory_order_release);
    called.swap(waiting_);
  }
  for (auto& callback : called) callback(passed);
}

fence_source::fence_source() : flag_{std::make_shared<fence_flag>()} {}

fence_source& fence_source::operator=(fence_source&& other) noexcept {
  auto held = fence_source{std::move(other)};
  std::swap(flag_, held.flag_);  // what this one held fails
  return *this;
}

fence_source::~fence_source() {
  if (flag_ && flag_->look() == fence::status::pending) flag_->end(false);
}

fence fence_source::get() const { return fence{flag_}; }
void fence_source::pass() { flag_->end(true); }
void fence_source::fail() { flag_->end(false); }

fence join(const std::vector<fence>& fences) {
  struct waiting {
    explicit waiting(std::size_t count) : left{count} {}
    std::atomic<std::size_t> left;
    std::atomic<bool> good{true};
    fence_source source;
  };
  std::vector<fence> pending;
  for (const auto& f : fences)
    if (!f.passed()) pending.push_back(f);
  if (pending.size() <= 1) return pending.empty() ? fence{} : pending.front();
  auto all = std::make_shared<waiting>(pending.size());
  auto joined = all->source.get();
  for (const auto& f : pending)
    f.then([all](bool passed) {
      if (!passed) all->good = false;
      if (all->left.fetch_sub(1) > 1) return;
      if (all->good)
        all->source.pass();
      else
        all->source.fail();
    });
  return joined;
}

}  // namespace chromatin::gpu
