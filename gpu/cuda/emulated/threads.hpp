#pragma once

/// The host's side of gpu/cuda/kernels/device.cuh: what a thread does alone is done here, what threads do together by
/// gpu/cuda/emulated/block.hpp.

#include <cmath>
#include <cstring>

#include "gpu/cuda/emulated/block.hpp"
#include "gpu/cuda/emulated/races.hpp"

#define KERNEL
#define KERNEL_BOUNDS(threads, blocks)
#define DEVICE inline
#define UNROLL
#define UNROLL_BY(n)
#define LAUNCH(kernel, ...) ::chromatin::gpu::cuda::launch<kernel>(__VA_ARGS__)
#define LAUNCH_EARLY(kernel, ...) ::chromatin::gpu::cuda::launch_early<kernel>(__VA_ARGS__)

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

template <auto kernel, class... Arguments>
void launch(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, Arguments... arguments) {
  emulated::launch(blocks, threads, shared_bytes, queue, [arguments...] { kernel(arguments...); });
}

inline std::uint32_t multiprocessors() { return 3; }

template <auto kernel, class... Arguments>
void launch_early(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, Arguments... arguments) {
  emulated::launch(blocks, threads, shared_bytes, queue, [arguments...] {
    emulated::current->awaited = false;
    kernel(arguments...);
    CHROMATIN_CHECK(emulated::current->awaited, "a kernel that may begin early waits for those before it");
  });
}

DEVICE std::uint32_t thread_x() { return emulated::current->number; }
DEVICE std::uint32_t threads_x() { return emulated::current_block->threads; }
DEVICE std::uint32_t block_x() { return emulated::current_block->x; }
DEVICE std::uint32_t block_y() { return emulated::current_block->y; }
DEVICE std::uint32_t block_z() { return emulated::current_block->z; }
DEVICE std::uint32_t grid_x() { return emulated::current_block->blocks.x; }
DEVICE unsigned char* shared_memory() { return emulated::current_block->shared; }

DEVICE void barrier() { emulated::meet(emulated::collective::barrier); }
DEVICE void warp_barrier() { emulated::meet(emulated::collective::warp_barrier); }

template <class T>
CHROMATIN_NOT_OF_THE_KERNEL DEVICE T shuffle(T value, std::uint32_t from) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
  auto& me = *emulated::current;
  std::memcpy(&me.giving().values[me.lane()], &value, sizeof value);
  std::memcpy(&value, &emulated::meet(emulated::collective::shuffle).values[from % emulated::warp_lanes], sizeof value);
  return value;
}
template <class T>
DEVICE T shuffle_xor(T value, std::uint32_t mask) {
  return shuffle(value, thread_x() ^ mask);
}
CHROMATIN_NOT_OF_THE_KERNEL DEVICE bool vote_any(bool condition) {
  auto& me = *emulated::current;
  me.giving().values[me.lane()] = condition;
  const auto& all = emulated::meet(emulated::collective::vote).values;
  std::uint64_t any = 0;
  for (auto one : all) any |= one;
  return any != 0;
}

DEVICE void await_earlier_kernels() { emulated::current->awaited = true; }
DEVICE void admit_later_kernels() {}

CHROMATIN_NOT_OF_THE_KERNEL DEVICE void mma_16x8x16(float (&d)[4], const std::uint32_t (&a)[4],
                                                    const std::uint32_t (&b)[2]) {
  auto lane = emulated::current->lane();
  auto& given = emulated::current->giving();
  for (std::uint32_t i = 0; i < 4; ++i) given.a[i][lane] = a[i];
  for (std::uint32_t i = 0; i < 2; ++i) given.b[i][lane] = b[i];
  for (std::uint32_t i = 0; i < 4; ++i) given.d[i][lane] = d[i];
  emulated::meet(emulated::collective::product);
  for (std::uint32_t i = 0; i < 4; ++i) d[i] = given.d[i][lane];
}

template <std::uint32_t matrices>
CHROMATIN_NOT_OF_THE_KERNEL DEVICE void load_matrices(std::uint32_t (&r)[matrices], const void* row,
                                                      emulated::collective kind) {
  auto lane = emulated::current->lane();
  if (lane < matrices * 8) emulated::reads_16(row);
  auto& given = emulated::current->giving();
  given.rows[lane] = static_cast<const std::byte*>(row);
  emulated::meet(kind, matrices);
  for (std::uint32_t i = 0; i < matrices; ++i) r[i] = given.r[i][lane];
}
DEVICE void ldmatrix_x4(std::uint32_t (&r)[4], const void* row) {
  load_matrices(r, row, emulated::collective::load_matrices);
}
DEVICE void ldmatrix_x4_transposed(std::uint32_t (&r)[4], const void* row) {
  load_matrices(r, row, emulated::collective::load_matrices_transposed);
}
DEVICE void ldmatrix_x2(std::uint32_t (&r)[2], const void* row) {
  load_matrices(r, row, emulated::collective::load_matrices);
}
DEVICE void ldmatrix_x2_transposed(std::uint32_t (&r)[2], const void* row) {
  load_matrices(r, row, emulated::collective::load_matrices_transposed);
}

DEVICE void copy_async_16(void* shared, const void* global, bool valid = true) {
  emulated::copy_async(shared, valid ? global : nullptr);
}
DEVICE void copy_async_commit() { emulated::commit_copies(); }
template <int groups>
DEVICE void copy_async_wait() {
  emulated::wait_for_copies(groups);
}

DEVICE words_16 load_16(const void* p) {
  emulated::check_aligned(p, 16, "load_16");
  words_16 words;
  std::memcpy(&words, p, sizeof words);
  return words;
}
DEVICE words_16 load_16_once(const void* p) { return load_16(p); }
DEVICE void store_16(void* p, words_16 words) {
  emulated::check_aligned(p, 16, "store_16");
  std::memcpy(p, &words, sizeof words);
}
DEVICE void store_8(void* p, words_8 words) {
  emulated::check_aligned(p, 8, "store_8");
  std::memcpy(p, &words, sizeof words);
}

/// No other thread runs before the next collective.
CHROMATIN_NOT_OF_THE_KERNEL DEVICE std::uint32_t add_in_shared(std::uint32_t* to, std::uint32_t what) {
  auto before = *to;
  *to += what;
  return before;
}

/// Blocks run one after the other.
DEVICE bool take_turn(std::uint32_t* turns, std::uint32_t count) {
  *turns = (*turns + 1) % count;
  return *turns == 0;
}

DEVICE float exp2_fast(float x) { return std::exp2(x); }
DEVICE float rsqrt_fast(float x) { return 1.0f / std::sqrt(x); }
DEVICE float reciprocal_fast(float x) { return 1.0f / x; }
DEVICE std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  __extension__ using wide = unsigned __int128;
  return static_cast<std::uint64_t>(wide{a} * b >> 64);
}
DEVICE std::uint32_t bits_of(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
DEVICE float float_of(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
DEVICE std::uint16_t to_bf16(float x) {
  auto bits = bits_of(x);
  if (x != x) return 0x7fff;
  return static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
DEVICE std::uint32_t to_bf16x2(float low, float high) { return to_bf16(low) | std::uint32_t{to_bf16(high)} << 16; }

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
