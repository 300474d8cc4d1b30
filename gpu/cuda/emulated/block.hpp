#pragma once

/// A block of CUDA threads on the host: one fiber per thread, blocks one after the other, all on the caller's thread.
/// A lane runs until it reaches a collective; then another lane of its warp runs, in an order drawn from the seed. When
/// all lanes of the warp are there the collective is done, and a warp that is drawn goes on.

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
  exit,
  barrier,
  warp_barrier,
  shuffle,
  vote,
  product,
  load_matrix,
  load_matrix_transposed
};

/// What a lane gives to a collective and gets from it.
struct exchange {
  union {
    std::uint64_t value;
    const std::byte* row;
  };
  std::uint32_t a[4], b[2];
  union {
    float d[4];
    std::uint32_t r[4];
  };
};

struct warp_state {
  /// Two, since a lane may give to the next collective before others have taken from the last.
  exchange lanes[2][warp_lanes];
  exchange* turn = lanes[0];
  collective kind = collective::exit;  ///< that lanes have reached
  std::uint32_t matrices = 0;          ///< of a load_matrix
  std::uint32_t arrived = 0;
  std::uint32_t first = 0, stride = 1;  ///< the order of the lanes: first + i · stride
  std::uint32_t number = 0;

  std::uint32_t lane(std::uint32_t i) const { return (first + i * stride) % warp_lanes; }
};

struct copy {
  void* to;
  const void* from;  ///< null for zeros
  std::uint64_t group;
};

struct thread_state {
  std::uint32_t number = 0;
  warp_state* warp = nullptr;
  std::vector<copy> copies;  ///< that have not happened yet
  std::uint64_t groups = 0;  ///< of copies that were committed
};

struct block_state {
  std::uint32_t x = 0, y = 0, z = 0, threads = 0;
  grid blocks;
  unsigned char* shared = nullptr;
};

/// The running thread of a kernel and its block.
extern constinit thread_local thread_state* current;
extern constinit thread_local const block_state* current_block;

/// The running thread reaches a collective; returns when its warp has done it (or its block, at a barrier), with the
/// slots into which the lanes gave and that have the results.
exchange* meet(collective kind, std::uint32_t matrices = 0);

/// Copies of the running thread. Each takes effect at once, at a commit or at the wait for it: the seed decides.
void copy_async(void* shared, const void* global);
void commit_copies();
void wait_for_copies(std::uint64_t groups_under_way);

[[noreturn]] void misaligned(const void* p, const char* what);
inline void check_aligned(const void* p, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(p) % 16 != 0) [[unlikely]]
    misaligned(p, what);
}

/// Runs `thread` for every thread of every block.
void run(grid blocks, std::uint32_t threads, std::size_t shared_bytes, std::uint64_t seed,
         const std::function<void()>& thread);
/// The same in the stream's order; at once where it is null.
void launch(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, std::function<void()> thread);

}  // namespace chromatin::gpu::cuda::emulated
