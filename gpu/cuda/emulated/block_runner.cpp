#include "gpu/cuda/emulated/block_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "gpu/cuda/emulated/product.hpp"
#include "kv/check.hpp"

namespace chromatin::gpu::cuda::emulated {
namespace {

constexpr std::size_t shared_alignment = 1024;  // and so many bytes below are looked after
constexpr auto poison = std::byte{0xff};        // a NaN in every type

const char* name(collective kind) {
  constexpr const char* names[] = {"its end", "a barrier",      "a warp_barrier", "a shuffle",
                                   "a vote",  "an mma_16x8x16", "an ldmatrix",    "an ldmatrix_transposed"};
  return names[static_cast<std::size_t>(kind)];
}

}  // namespace

void complain(const block_state& block, const std::string& what) {
  fmt::print(stderr, "emulated kernel, block ({}, {}, {}): {}\n", block.x, block.y, block.z, what);
  std::abort();
}

block_runner::block_runner()
    : fibers_(threads_max,
              [this](std::uint32_t) {
                acquires(this);
                (*kernel_)();
                if (!current->copies.empty())
                  complain(block_, fmt::format("thread {} ended before it waited for its copies", current->number));
                current->barriers = 0;
                releases(this);
                meet(collective::end, 0);
              }),
      shared_(shared_bytes_max + shared_alignment),
      threads_(threads_max),
      warps_(std::make_unique<std::array<warp_state, threads_max / warp_lanes>>()) {
  runnable_.reserve(warps_->size());
  for (std::uint32_t i = 0; i < threads_max; ++i) {
    threads_[i].number = i;
    threads_[i].warp = &(*warps_)[i / warp_lanes];
    threads_[i].warp->number = i / warp_lanes;
  }
}

std::uint64_t block_runner::draw() {  // SplitMix64
  auto z = random_ += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

void block_runner::run(grid blocks, std::uint32_t threads, std::size_t shared_bytes, std::uint64_t seed,
                       const std::function<void()>& kernel) {
  CHROMATIN_CHECK(threads > 0 && threads <= threads_max && threads % warp_lanes == 0, "a block has 1 … 32 whole warps");
  CHROMATIN_CHECK(shared_bytes <= shared_bytes_max, "a block has at most 227 KiB of shared memory");
  CHROMATIN_CHECK(blocks.y <= 0xffff && blocks.z <= 0xffff && blocks.x <= 0x7fffffff, "a grid has its limits");
  fibers_.grow(threads);
  kernel_ = &kernel;
  random_ = seed;
  auto* end = reinterpret_cast<unsigned char*>(shared_.end());
  block_ = {.threads = threads,
            .blocks = blocks,
            .shared = end - (shared_bytes + shared_alignment - 1) / shared_alignment * shared_alignment,
            .shared_bytes = shared_bytes};
  current_block = &block_;
  auto count = std::uint64_t{blocks.x} * blocks.y * blocks.z, first = draw() % count;
  auto backwards = (draw() & 1) != 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto number = (first + (backwards ? count - i : i)) % count;
    block_.x = static_cast<std::uint32_t>(number % blocks.x);
    block_.y = static_cast<std::uint32_t>(number / blocks.x % blocks.y);
    block_.z = static_cast<std::uint32_t>(number / blocks.x / blocks.y);
    run_block();
  }
  current_block = nullptr;
}

void block_runner::run_block() {
  poison_shared();
  runnable_.clear();
  waiting_ = ended_ = 0;
  // Now and then warps overtake each other at every collective, now and then only at barriers.
  stay_ = (std::uint64_t{1} << draw() % 5) - 1;
  for (std::uint32_t i = 0; i < block_.threads / warp_lanes; ++i) runnable_.push_back(&(*warps_)[i]);
  releases(this);
  go_to(go_on(nullptr));
  acquires(this);
  check_shared();
}

void block_runner::poison_shared() {
  auto* shared = reinterpret_cast<std::byte*>(block_.shared);
  std::fill(shared - shared_alignment, shared_.end(), poison);
}

/// What lies beside the shared memory and has no guard page.
void block_runner::check_shared() const {
  auto* shared = reinterpret_cast<const std::byte*>(block_.shared);
  auto untouched = [](const std::byte* begin, const std::byte* end) {
    return std::all_of(begin, end, [](std::byte b) { return b == poison; });
  };
  if (!untouched(shared - shared_alignment, shared)) complain(block_, "a write before shared memory");
  if (!untouched(shared + block_.shared_bytes, shared_.end())) complain(block_, "a write beyond shared memory");
}

void block_runner::diverged(collective kind) const {
  const auto& w = *current->warp;
  complain(block_, fmt::format("thread {} is at {} while thread {} of its warp is at {}", current->number, name(kind),
                               w.thread(w.arrived - 1), name(w.kind)));
}

/// All lanes of the warp are there. Returns the thread that goes on, as the others do.
std::uint32_t block_runner::finish(warp_state& w) {
  perform(w);
  w.arrived = 0;
  w.turn ^= 1;
  if (w.kind == collective::end || w.kind == collective::barrier) return stop(w);
  return go_on((draw() & stay_) != 0 ? &w : nullptr);
}

void block_runner::perform(warp_state& w) {
  auto& given = w.exchanges[w.turn];
  if (w.kind == collective::product) return product(given);
  if (w.kind == collective::load_matrices) return load_matrices(given, w.matrices, false);
  if (w.kind == collective::load_matrices_transposed) return load_matrices(given, w.matrices, true);
}

/// The warp waits for the block's others at a barrier, or is done.
std::uint32_t block_runner::stop(warp_state& w) {
  std::swap(*std::find(runnable_.begin(), runnable_.end(), &w), runnable_.back());
  runnable_.pop_back();
  ++(w.kind == collective::end ? ended_ : waiting_);
  auto count = block_.threads / warp_lanes;
  if (waiting_ > 0 && ended_ > 0)
    for (std::uint32_t i = 0; i < count; ++i) {
      auto& other = (*warps_)[i];
      bool stopped = std::find(runnable_.begin(), runnable_.end(), &other) == runnable_.end();
      if (stopped && other.kind != w.kind)
        complain(block_, fmt::format("thread {} is at {} while thread {} is at {}", w.thread(0), name(w.kind),
                                     other.thread(0), name(other.kind)));
    }
  if (waiting_ == count) {
    waiting_ = 0;
    for (std::uint32_t i = 0; i < count; ++i) runnable_.push_back(&(*warps_)[i]);
  }
  return go_on(nullptr);
}

/// With this warp, or with one that is drawn, or back to run_block() if there is none.
std::uint32_t block_runner::go_on(warp_state* w) {
  if (runnable_.empty()) return fibers::home;
  auto random = draw();
  if (!w) w = runnable_[(random >> 32) % runnable_.size()];
  w->first_lane = random % warp_lanes;
  w->steps = random / warp_lanes % (warp_lanes / 2) * 2 + 1;
  return w->thread(0);
}

void block_runner::check_in_shared(const void* p, const char* what) const {
  check_aligned(p, 16, what);
  auto* at = static_cast<const unsigned char*>(p);
  if (at < block_.shared || at + 16 > block_.shared + block_.shared_bytes)
    complain(block_, fmt::format("thread {}: {} outside shared memory", current->number, what));
}

void block_runner::load_matrices(exchange& given, std::uint32_t matrices, bool transposed) const {
  for (std::uint32_t i = 0; i < matrices * 8; ++i) check_in_shared(given.rows[i], "a row of an ldmatrix");
  for (std::uint32_t m = 0; m < matrices; ++m)
    for (std::uint32_t lane = 0; lane < warp_lanes; ++lane) {
      auto row = lane / 4, column = lane % 4 * 2;
      auto value = [&](std::uint32_t r, std::uint32_t c) {
        std::uint16_t v;
        std::memcpy(&v, given.rows[m * 8 + r] + c * sizeof v, sizeof v);
        return std::uint32_t{v};
      };
      given.r[m][lane] = transposed ? value(column, row) | value(column + 1, row) << 16
                                    : value(row, column) | value(row, column + 1) << 16;
    }
}

}  // namespace chromatin::gpu::cuda::emulated
