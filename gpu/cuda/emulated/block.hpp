#pragma once

/// What a thread of an emulated kernel knows and what it may ask for; gpu/cuda/emulated/threads.hpp gives it the
/// names that kernels use.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "gpu/cuda/emulated/stream.hpp"
#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/kernels/grid.hpp"

namespace chromatin::gpu::cuda::emulated {

inline constexpr std::uint32_t warp_lanes = 32, threads_max = 1024;
inline constexpr std::size_t shared_bytes_max = std::size_t{227} << 10;

enum class collective : std::uint32_t {
  end,  ///< of the thread
  barrier,
  warp_barrier,
  shuffle,
  vote,
  product,
  load_matrices,
  load_matrices_transposed
};

/// What the lanes of a warp give to a collective and get from it, by lane: so the fragments of a product lie together
/// as matrices.
struct exchange {
  std::uint64_t values[warp_lanes];
  const std::byte* rows[warp_lanes];
  std::uint32_t a[4][warp_lanes], b[2][warp_lanes], r[4][warp_lanes];
  float d[4][warp_lanes];
};

struct warp_state {
  /// Two, since a lane may give to the next collective before others have taken from the last.
  exchange exchanges[2];
  std::uint32_t turn = 0;                   ///< which of them
  collective kind = collective::end;        ///< that lanes have reached
  std::uint32_t matrices = 0;               ///< of a load
  std::uint32_t arrived = 0;                ///< lanes
  std::uint32_t first_lane = 0, steps = 1;  ///< their order
  std::uint32_t number = 0;

  std::uint32_t thread(std::uint32_t i) const {
    return number * warp_lanes + (first_lane + i * steps) % warp_lanes;  // all lanes, since the step is odd
  }
};

/// 16 bytes that were asked for and are not there.
struct pending_copy {
  std::byte* to;
  const std::byte* from;  ///< null for zeros
  std::uint64_t group;
};

struct thread_state {
  std::uint32_t number = 0;
  warp_state* warp = nullptr;
  std::vector<pending_copy> copies;
  std::uint64_t groups = 0;    ///< of copies that were committed
  std::uint64_t barriers = 0;  ///< that were passed
  bool awaited = false;        ///< earlier kernels

  std::uint32_t lane() const { return number % warp_lanes; }
  /// For the warp's next collective.
  exchange& giving() { return warp->exchanges[warp->turn]; }
};

struct block_state {
  std::uint32_t x = 0, y = 0, z = 0, threads = 0;
  grid blocks;
  unsigned char* shared = nullptr;
  std::size_t shared_bytes = 0;
};

/// The running thread and its block.
extern constinit thread_local thread_state* current;
extern constinit thread_local const block_state* current_block;

/// The running thread reaches a collective. Returns when its warp has done it (and its block, at a barrier) with what
/// the warp's lanes gave and got.
const exchange& meet(collective, std::uint32_t matrices = 0);

/// A copy takes effect at once, at a later commit, or at a wait that covers it: the seed decides.
void copy_async(void* shared, const void* global);
void commit_copies();
void wait_for_copies(std::uint64_t groups_under_way);

[[noreturn]] void misaligned(const void* p, std::size_t to, const char* what);
inline void check_aligned(const void* p, std::size_t to, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(p) % to != 0) [[unlikely]]
    misaligned(p, to, what);
}

/// Runs `thread` for every thread of every block, in the stream's order; at once where it is null.
void launch(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, std::function<void()> thread);

}  // namespace chromatin::gpu::cuda::emulated
