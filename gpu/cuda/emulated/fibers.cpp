#include "gpu/cuda/emulated/fibers.hpp"

#include <sys/mman.h>

#include <new>
#include <utility>

#if defined(CHROMATIN_SEES_RACES)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace chromatin::gpu::cuda::emulated {
namespace {

constexpr std::size_t page_bytes = 4096;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_bytes = std::size_t{256} << 10;
#else
constexpr std::size_t stack_bytes = std::size_t{64} << 10;
#endif

}  // namespace

guarded_memory::guarded_memory(std::size_t bytes) : bytes_((bytes + page_bytes - 1) / page_bytes * page_bytes) {
  void* all = mmap(nullptr, bytes_ + 2 * page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (all == MAP_FAILED) throw std::bad_alloc();
  begin_ = static_cast<std::byte*>(all) + page_bytes;
  if (mprotect(begin_, bytes_, PROT_READ | PROT_WRITE) == 0) return;
  munmap(all, bytes_ + 2 * page_bytes);
  throw std::bad_alloc();
}

guarded_memory::~guarded_memory() {
#if defined(__SANITIZE_ADDRESS__)
  // What a fiber's frames left; the addresses will be somebody else's.
  __asan_unpoison_memory_region(begin_, bytes_);
#endif
  munmap(begin_ - page_bytes, bytes_ + 2 * page_bytes);
}

fibers::fibers(std::uint32_t most, std::function<void(std::uint32_t)> body) : body_(std::move(body)), places_(most) {}

fibers::~fibers() {
  leaving_ = true;
  for (std::uint32_t i = 0; i < made_; ++i) switch_to(i);
#if defined(CHROMATIN_SEES_RACES)
  for (std::uint32_t i = 0; i < made_; ++i) __tsan_destroy_fiber(places_[i].seen);
#endif
}

void fibers::grow(std::uint32_t count) {
  while (made_ < count) make(made_++);
}

void fibers::make(std::uint32_t i) {
  namespace context = boost::context;
  auto& p = places_[i];
  p.stack = std::make_unique<guarded_memory>(stack_bytes);
#if defined(CHROMATIN_SEES_RACES)
  p.seen = __tsan_create_fiber(0);
#endif
  // Stacks do not begin at the same place of a page: their hot ends would share the cache's few lines for it.
  auto bytes = stack_bytes - i * 320 % page_bytes / 64 * 64;
  p.bottom = p.stack->begin();
  p.bytes = bytes;
  context::stack_context stack;
  stack.sp = p.stack->begin() + bytes;
  stack.size = bytes;
  struct kept {  // the stack outlives its fiber
    context::stack_context allocate() { return {}; }
    void deallocate(context::stack_context&) {}
  };
  p.fiber = context::fiber(std::allocator_arg, context::preallocated(stack.sp, stack.size, stack), kept{},
                           [this, i](context::fiber&& from) {
                             came_from_->fiber = std::move(from);
                             arrived(places_[i]);
                             while (!leaving_) body_(i);
                             running_ = home;
                             came_from_ = &places_[i];
#if defined(__SANITIZE_ADDRESS__)
                             __sanitizer_start_switch_fiber(nullptr, home_.bottom, home_.bytes);
#elif defined(CHROMATIN_SEES_RACES)
                             leave(places_[i], home_);
#endif
                             return std::move(home_.fiber);
                           });
}

#if defined(__SANITIZE_ADDRESS__)
void fibers::leave(place& here, const place& there) {
  __sanitizer_start_switch_fiber(&here.fake_stack, there.bottom, there.bytes);
}

/// Home's stack is not ours: its bounds are known when somebody comes from there.
void fibers::arrived(place& here) {
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(here.fake_stack, &bottom, &bytes);
  if (came_from_ != &home_) return;
  home_.bottom = bottom;
  home_.bytes = bytes;
}
#elif defined(CHROMATIN_SEES_RACES)
void fibers::leave(place& here, const place& there) {
  if (!here.seen) here.seen = __tsan_get_current_fiber();  // home's
  __tsan_switch_to_fiber(there.seen, __tsan_switch_to_fiber_no_sync);
}
#endif

}  // namespace chromatin::gpu::cuda::emulated
