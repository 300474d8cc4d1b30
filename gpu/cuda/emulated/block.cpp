/// Asynchronous copies of an emulated thread, and the way into its runner.

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gpu/cuda/emulated/block_runner.hpp"

namespace chromatin::gpu::cuda::emulated {

constinit thread_local thread_state* current = nullptr;
constinit thread_local const block_state* current_block = nullptr;

namespace {

constinit thread_local block_runner* current_runner = nullptr;

void happen(const pending_copy& c) {
  writes_16(c.to);
  if (c.from)
    std::memcpy(c.to, c.from, 16);
  else
    std::memset(c.to, 0, 16);
}

}  // namespace

void block_runner::copy_async(void* shared, const void* global) {
  check_in_shared(shared, "a copy_async_16");
  check_aligned(global, 16, "the source of a copy_async_16");
  pending_copy c{static_cast<std::byte*>(shared), static_cast<const std::byte*>(global), current->groups};
  writes_16(c.to);
  if (c.from) reads_16(c.from);
  if (draw() % 4 == 0) return happen(c);
  current->copies.push_back(c);
}

void block_runner::commit_copies() {
  auto& me = *current;
  ++me.groups;
  if (me.copies.empty() || draw() % 8 != 0) return;
  std::for_each(me.copies.begin(), me.copies.end(), happen);
  me.copies.clear();
}

void block_runner::wait_for_copies(std::uint64_t groups_under_way) {
  auto& me = *current;
  auto late = std::find_if(me.copies.begin(), me.copies.end(),
                           [&](const auto& c) { return c.group + groups_under_way >= me.groups; });
  std::for_each(me.copies.begin(), late, happen);
  me.copies.erase(me.copies.begin(), late);
}

const exchange& meet(collective kind, std::uint32_t matrices) {
  if constexpr (!sees_races) return current_runner->meet(kind, matrices);
  const auto* orders = current_runner->what_orders(kind);
  if (orders) releases(orders);
  const auto& all = current_runner->meet(kind, matrices);
  if (orders) acquires(orders);
  return all;
}
void copy_async(void* shared, const void* global) { current_runner->copy_async(shared, global); }
void commit_copies() { current_runner->commit_copies(); }
void wait_for_copies(std::uint64_t groups_under_way) { current_runner->wait_for_copies(groups_under_way); }

void misaligned(const void* p, std::size_t to, const char* what) {
  complain(*current_block,
           fmt::format("thread {}: {} at {}, which is not aligned to {}", current->number, what, fmt::ptr(p), to));
}

void launch(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, std::function<void()> thread) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  auto work = [=, thread = std::move(thread)](std::uint64_t seed) {
    thread_local block_runner runner;
    current_runner = &runner;
    runner.run(blocks, threads, shared_bytes, seed, thread);
  };
  if (queue)
    queue->enqueue(work);
  else
    work(0);
}

}  // namespace chromatin::gpu::cuda::emulated
