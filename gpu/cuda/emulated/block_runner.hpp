#pragma once

/// Runs a kernel's blocks on the host, one after the other: a fiber for each thread. A lane runs until it reaches a
/// collective; then the next lane of its warp runs, in an order that the seed draws. When all lanes of the warp are
/// there, the collective is done and a warp goes on, which the seed draws too.

#include <array>
#include <memory>
#include <vector>

#include "gpu/cuda/emulated/block.hpp"
#include "gpu/cuda/emulated/fibers.hpp"
#include "gpu/cuda/emulated/races.hpp"

namespace chromatin::gpu::cuda::emulated {

/// Not thread-safe: each thread that runs kernels has its own.
class block_runner {
 public:
  block_runner();

  void run(grid blocks, std::uint32_t threads, std::size_t shared_bytes, std::uint64_t seed,
           const std::function<void()>& thread);

  const exchange& meet(collective kind, std::uint32_t matrices) {
    auto& w = *current->warp;
    const auto& turn = w.exchanges[w.turn];
    if (w.arrived == 0) {
      w.kind = kind;
      w.matrices = matrices;
    } else if (w.kind != kind || w.matrices != matrices) {
      diverged(kind);
    }
    auto next = ++w.arrived < warp_lanes ? w.thread(w.arrived) : finish(w);
    go_to(next);
    return turn;
  }
  /// The address that stands for it; null for what orders nothing. Neighbouring barriers have different ones: a thread
  /// may reach the next while another leaves the last.
  const void* what_orders(collective kind) const {
    if (kind == collective::barrier) return &barriers_[current->barriers++ % barriers_.size()];
    return kind == collective::warp_barrier ? &current->giving() : nullptr;
  }
  void copy_async(void* shared, const void* global);
  void commit_copies();
  void wait_for_copies(std::uint64_t groups_under_way);

 private:
  void run_block();
  void poison_shared();
  void check_shared() const;
  void check_in_shared(const void* p, const char* what) const;
  [[noreturn]] void diverged(collective) const;
  std::uint32_t finish(warp_state&);
  void perform(warp_state&);
  void load_matrices(exchange&, std::uint32_t matrices, bool transposed) const;
  std::uint32_t stop(warp_state&);
  std::uint32_t go_on(warp_state* with);
  void go_to(std::uint32_t thread) {
    auto* next = thread == fibers::home ? nullptr : &threads_[thread];
    if (next == current) return;
    current = next;
    fibers_.switch_to(thread);
  }
  std::uint64_t draw();

  fibers fibers_;
  guarded_memory shared_;
  std::vector<thread_state> threads_;
  std::unique_ptr<std::array<warp_state, threads_max / warp_lanes>> warps_;
  const std::function<void()>* kernel_ = nullptr;
  block_state block_;
  std::uint64_t random_ = 0, stay_ = 0;
  std::vector<warp_state*> runnable_;
  std::uint32_t waiting_ = 0, ended_ = 0;  ///< warps at a barrier, and those that are done
  std::array<char, 2> barriers_{};         ///< their addresses stand for every other barrier
};

/// Aborts with a line on the block and what its threads did.
[[noreturn]] void complain(const block_state&, const std::string& what);

}  // namespace chromatin::gpu::cuda::emulated
