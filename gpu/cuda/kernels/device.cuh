#pragma once

/// What a kernel may use of the device; kernels include this and gpu/cuda/kernels.hpp only. nvcc gets plain CUDA
/// (gpu/cuda/device/threads.cuh), the host's compiler an emulation (gpu/cuda/emulated/threads.hpp): the same names,
/// described here once. C++17.
///
/// Kernels stand in `namespace chromatin::gpu::cuda { inline namespace CHROMATIN_KERNELS { … } }`, whose name differs
/// between the two builds, so that both fit into one program.
///
///   KERNEL void name(…), KERNEL_BOUNDS(threads, blocks) void name(…)   a kernel, at least so many blocks at a time
///   DEVICE T name(…)                                                   an inline function of kernels
///   UNROLL for (…), UNROLL_BY(times) for (…)
///   LAUNCH(kernel, grid{x, y, z}, threads, shared_bytes, stream, arguments…)
///       Enqueues; nothing if the grid is empty. Threads come in whole warps, 1,024 at most. Raises the kernel's limit
///       of shared memory where it needs more than 48 KB. Errors are left to cudaGetLastError. Commas in the kernel's
///       template arguments need parentheses around it.
///   LAUNCH_EARLY(…)
///       The same for a kernel whose threads all call await_earlier_kernels(): until then it may run beside a kernel
///       before it that admits it.
///
///   thread_x() threads_x() lane() warp()    of the block; blocks have one dimension of threads
///   block_x() block_y() block_z() grid_x()
///   shared_memory()                         the block's dynamic shared memory, aligned to 1,024; there is no other
///
/// Collectives. All threads of the block, or all 32 lanes of the warp, reach the same one; the emulation aborts if not,
/// and if threads end without reaching it.
///
///   barrier()                               of the block
///   warp_barrier()
///   shuffle_xor(v, mask) shuffle(v, lane)   types of 4 and 8 bytes
///   vote_any(condition)
///   mma_16x8x16(d, a, b)                    d += a · b of bf16, in float: mma.sync.m16n8k16.row.col
///   ldmatrix_x2 ldmatrix_x4(r, row), …_transposed
///       `row` is this lane's row in shared memory, aligned to 16: lanes 0…7 give the rows of r[0], 8…15 of r[1], …
///
/// Copies of 16 bytes from global to shared memory, both aligned to 16, which are there after the thread's wait (and,
/// for other threads, a barrier). All copies have been waited for when the thread ends.
///
///   copy_async_16(shared, global, valid = true)   not valid: 16 zero bytes, `global` is not read
///   copy_async_commit()                           closes a group
///   copy_async_wait<N>()                          at most the N latest groups are still under way
///
///   await_earlier_kernels()    until all that earlier kernels of the stream wrote is there
///   admit_later_kernels()      the next kernel's blocks may begin, up to their await_earlier_kernels()
///
/// CHROMATIN_CHECK and multiprocessors(), of the current device, are for launchers.
///
///   load_16(p) store_16(p, words)           16 bytes at once, aligned to 16; store_8(p, words) 8
///   load_16_once(p)                         the same for global memory that nobody reads again or writes meanwhile
///   add_in_shared(to, what)                 atomic; the value before
///   take_turn(turns, count)                 true for the last of `count` blocks; `turns` in global memory is 0 before and
///                                           after. One thread of each block calls it. What was written before the
///                                           barrier before it, the last block may read after the barrier behind it.
///   exp2_fast(x) rsqrt_fast(x) reciprocal_fast(x)
///   from_bf16(u16) to_bf16(x) to_bf16x2(low, high) low_bf16(u32) high_bf16(u32)   to the nearest, ties to even
///   bits_of(x) float_of(bits) multiply_high(u64, u64)

#include "gpu/cuda/kernels.hpp"
#include "gpu/cuda/kernels/grid.hpp"
#include "kv/check.hpp"

#ifdef CHROMATIN_EMULATED
#define CHROMATIN_KERNELS emulated_kernel_code
#include "gpu/cuda/emulated/threads.hpp"
#else
#define CHROMATIN_KERNELS device_kernel_code
#include "gpu/cuda/device/threads.cuh"
#endif

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

DEVICE float low_bf16(std::uint32_t two) { return float_of(two << 16); }
DEVICE float high_bf16(std::uint32_t two) { return float_of(two & 0xffff0000u); }
/// Pieces of `size` that `count` things take.
constexpr std::uint32_t pieces_of(std::uint32_t count, std::uint32_t size) { return (count + size - 1) / size; }
inline bool aligned_16(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

DEVICE float from_bf16(std::uint16_t value) { return float_of(std::uint32_t{value} << 16); }
DEVICE std::uint32_t lane() { return thread_x() % 32; }
DEVICE std::uint32_t warp() { return thread_x() / 32; }

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
