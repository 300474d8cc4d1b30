#include "gpu/cpu/team.hpp"

#include <chrono>
#include <exception>
#include <utility>

#include <sched.h>

#include "kv/check.hpp"

namespace chromatin::gpu {
namespace {

using clock = std::chrono::steady_clock;

/// Longer than the gaps between loops and between decode steps; shorter than what a core is worth to somebody else.
constexpr auto spin_time = std::chrono::microseconds{50};
/// About as long as the kernel lets a thread run while others wait. A thread that offers its core between pieces is
/// rarely put aside within one.
constexpr auto offer_period = std::chrono::microseconds{1000};

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

constexpr std::uint64_t range(std::uint32_t first, std::uint32_t end) { return std::uint64_t{first} << 32 | end; }

}  // namespace

bool team::share::take_first(std::uint32_t& piece) {
  auto left = pieces.load(std::memory_order_acquire);
  while (true) {
    auto first = static_cast<std::uint32_t>(left >> 32), end = static_cast<std::uint32_t>(left);
    if (first == end) return false;
    piece = first;
    if (pieces.compare_exchange_weak(left, range(first + 1, end), std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  }
}

bool team::share::take_last(std::uint32_t& piece) {
  auto left = pieces.load(std::memory_order_acquire);
  while (true) {
    auto first = static_cast<std::uint32_t>(left >> 32), end = static_cast<std::uint32_t>(left);
    if (first == end) return false;
    piece = end - 1;
    if (pieces.compare_exchange_weak(left, range(first, end - 1), std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  }
}

team::team(std::uint32_t threads, std::function<void()> start, std::function<void(const char*)> failed)
    : failed_{std::move(failed)}, shares_(threads) {
  CHROMATIN_CHECK(threads > 0, "a team has a thread");
  for (std::uint32_t worker = 0; worker < threads; ++worker)
    threads_.emplace_back([this, worker, start] {
      start();
      work(worker);
    });
}

team::~team() {
  push({{.begin =
             [this](std::uint32_t) {
               ending_ = true;
               return 0u;
             },
         .piece = {}}});
  for (auto& thread : threads_) thread.join();
}

void team::push(std::shared_ptr<const program> loops) {
  {
    std::lock_guard lock{mutex_};
    queue_.push_back(std::move(loops));
    if (!std::exchange(idle_, false)) return;
  }
  static const loop nothing{.begin = {}, .piece = [](std::uint32_t, std::uint32_t) {}};
  current_ = &nothing;  // whoever ends it opens the first loop
  open(1);
  call();
}

void team::call() {
  opened_.fetch_add(1, std::memory_order_release);
  opened_.notify_all();
}

/// Divides the pieces among the threads.
void team::open(std::uint32_t pieces) {
  unfinished_.store(pieces, std::memory_order_relaxed);
  auto threads = static_cast<std::uint32_t>(shares_.size());
  for (std::uint32_t t = 0; t < threads; ++t) {
    auto bound = [&](std::uint32_t of) { return static_cast<std::uint32_t>(std::uint64_t{pieces} * of / threads); };
    shares_[t].pieces.store(range(bound(t), bound(t + 1)), std::memory_order_release);
  }
}

template <class Part>
void team::guarded(Part part) {
  try {
    part();
  } catch (const std::exception& e) {
    failed_(e.what());
  } catch (...) {
    failed_("unknown exception");
  }
}

bool team::next_loop() {
  while (true) {
    while (!ready_.empty() && place_ == ready_.front()->size()) {
      ready_.pop_front();
      place_ = 0;
    }
    if (!ready_.empty()) break;
    std::lock_guard lock{mutex_};
    std::swap(ready_, queue_);
    if (!ready_.empty()) continue;
    idle_ = !ending_;  // from here on another thread may open loops, unless this is the end
    if (ending_) {
      ended_.store(true, std::memory_order_release);
      call();
    }
    return false;
  }
  current_ = &(*ready_.front())[place_++];
  return true;
}

void team::advance(std::uint32_t worker) {
  while (next_loop()) {
    std::uint32_t pieces = 0;
    guarded([&] { pieces = current_->begin(worker); });
    if (pieces == 1) guarded([&] { current_->piece(0, worker); });  // not worth handing to anybody
    if (pieces <= 1) continue;
    open(pieces);
    return call();
  }
}

bool team::take(std::uint32_t worker, std::uint32_t& piece) {
  if (shares_[worker].take_first(piece)) return true;
  auto threads = shares_.size();
  for (std::size_t other = 1; other < threads; ++other)
    if (shares_[(worker + other) % threads].take_last(piece)) return true;
  return false;
}

bool team::take_or_wait(std::uint32_t worker, std::uint32_t& piece) {
  while (true) {
    auto opened = opened_.load(std::memory_order_acquire);
    if (take(worker, piece)) return true;
    if (ended_.load(std::memory_order_acquire)) return false;
    wait(opened);
  }
}

void team::wait(std::uint32_t opened) {
  auto until = clock::now() + spin_time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (opened_.load(std::memory_order_relaxed) != opened) return;
      pause();
    }
  } while (clock::now() < until);
  opened_.wait(opened, std::memory_order_acquire);
}

void team::work(std::uint32_t worker) {
  auto offered = clock::now();
  for (std::uint32_t piece = 0; take_or_wait(worker, piece);) {
    guarded([&] { current_->piece(piece, worker); });
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) advance(worker);
    if (auto now = clock::now(); now - offered > offer_period) {
      ::sched_yield();
      offered = now;
    }
  }
}

}  // namespace chromatin::gpu
