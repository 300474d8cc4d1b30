#include "gpu/cpu/cpu_copies.hpp"

namespace chromatin::gpu {
namespace {

copy_result move_in(slice_mover* mover, const std::vector<slice_copy>& slices) {
  if (!mover) return {.error = copy_error::failed};
  for (std::uint32_t i = 0; i < slices.size(); ++i)
    if (auto error = mover->in(slices[i]); error != copy_error::none) return {.error = error, .index = i};
  return {};
}

copy_result move_out(slice_mover* mover, const std::vector<slice_copy>& slices) {
  if (!mover) return {.error = copy_error::failed};
  copy_result result;
  result.checksums.resize(slices.size());
  for (std::uint32_t i = 0; i < slices.size(); ++i)
    if (auto error = mover->out(slices[i], result.checksums[i]); error != copy_error::none)
      return {.error = error, .index = i};
  return result;
}

void end(fence_source& source, bool right) {
  if (right)
    source.pass();
  else
    source.fail();
}

}  // namespace

void cpu_copies::inbox::put(job next) {
  {
    std::lock_guard lock{mutex};
    if (!closed) {
      jobs.push_back(std::move(next));
      changed.notify_one();
      return;
    }
  }
  next(nullptr);
}

cpu_copies::job cpu_copies::inbox::take() {
  std::unique_lock lock{mutex};
  changed.wait(lock, [this] { return closed || !jobs.empty(); });
  if (closed) return {};
  auto next = std::move(jobs.front());
  jobs.pop_front();
  return next;
}

cpu_copies::cpu_copies(slice_mover mover) : mover_{std::move(mover)} {
  thread_ = std::thread{[this] {
    while (auto next = inbox_->take()) next(&mover_);
  }};
}

cpu_copies::~cpu_copies() {
  std::deque<job> left;
  {
    std::lock_guard lock{inbox_->mutex};
    inbox_->closed = true;
    left.swap(inbox_->jobs);
  }
  inbox_->changed.notify_one();
  thread_.join();
  for (auto& next : left) next(nullptr);
}

void cpu_copies::put_after(const fence& after, job next) {
  after.then([inbox = inbox_, next = std::move(next)](bool passed) mutable {
    if (passed)
      inbox->put(std::move(next));
    else
      inbox->put([next = std::move(next)](slice_mover*) { next(nullptr); });
  });
}

fence cpu_copies::in(std::vector<slice_copy> slices, copied done) {
  auto source = std::make_shared<fence_source>();
  put_after({}, [slices = std::move(slices), done = std::move(done), source](slice_mover* mover) mutable {
    auto result = move_in(mover, slices);
    slices.clear();
    end(*source, result.error == copy_error::none);
    done(std::move(result));
  });
  return source->get();
}

void cpu_copies::out(std::vector<slice_copy> slices, fence after, copied done) {
  put_after(after, [slices = std::move(slices), done = std::move(done)](slice_mover* mover) mutable {
    auto result = move_out(mover, slices);
    slices.clear();
    done(std::move(result));
  });
}

fence cpu_copies::copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, fence after) {
  auto source = std::make_shared<fence_source>();
  put_after(after, [from = std::move(from), to = std::move(to), tokens, source](slice_mover* mover) {
    end(*source, mover && mover->copy(from, to, tokens) == copy_error::none);
  });
  return source->get();
}

}  // namespace chromatin::gpu
