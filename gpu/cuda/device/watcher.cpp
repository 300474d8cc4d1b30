#include "gpu/cuda/device/watcher.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <sys/prctl.h>

#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

namespace {

using namespace std::chrono_literals;

std::chrono::nanoseconds pause_after(std::chrono::nanoseconds waited) {
  return std::clamp<std::chrono::nanoseconds>(waited / 16, 2us, 15us);
}

}  // namespace

watcher::watcher(first_error& errors, int device) : errors_{errors}, device_{device}, thread_{[this] { run(); }} {}

watcher::~watcher() {
  CHROMATIN_CHECK(!is_own_call(), "a device is not destroyed by a call of its own");
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  for (auto* place : unused_) cudaEventDestroy(place);
}

void watcher::add(cudaStream_t where, std::function<void(bool)> call) {
  {
    std::lock_guard lock{mutex_};  // held while recording: two threads' calls come in the order of their places
    waiting_[where].push_back({recorded(where), std::move(call)});
  }
  changed_.notify_one();
}

cudaEvent_t watcher::recorded(cudaStream_t where) {
  cudaEvent_t place = nullptr;
  if (!unused_.empty()) {
    place = unused_.back();
    unused_.pop_back();
  } else if (!errors_.passed(cudaEventCreateWithFlags(&place, cudaEventDisableTiming), "making an event")) {
    return nullptr;
  }
  if (errors_.passed(cudaEventRecord(place, where), "recording an event")) return place;
  cudaEventDestroy(place);
  return nullptr;
}

bool watcher::is_over(waiting& front) {
  if (!front.place) return true;
  auto status = cudaEventQuery(front.place);
  if (status == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  front.passed = errors_.passed(status, "work in a stream");
  return true;
}

std::vector<watcher::waiting> watcher::take_over() {
  std::vector<waiting> over;
  for (auto& [where, queue] : waiting_) {
    for (; !queue.empty() && is_over(queue.front()); queue.pop_front()) over.push_back(std::move(queue.front()));
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.empty(); });
  return over;
}

void watcher::run() {
  using clock = std::chrono::steady_clock;
  cudaSetDevice(device_);
  ::prctl(PR_SET_TIMERSLACK, 1UL);  // else a sleep of 2 µs takes 50 more
  auto last = clock::now();
  std::unique_lock lock{mutex_};
  for (;;) {
    if (waiting_.empty()) {
      if (stopping_) return;
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      last = clock::now();
    }
    auto over = take_over();
    lock.unlock();
    if (over.empty()) {
      std::this_thread::sleep_for(pause_after(clock::now() - last));
    } else {
      for (auto& w : over) {
        w.call(w.passed && !errors_.any());
        w.call = nullptr;
      }
      last = clock::now();
    }
    lock.lock();
    for (const auto& w : over)
      if (w.place) unused_.push_back(w.place);
  }
}

}  // namespace chromatin::gpu::cuda
