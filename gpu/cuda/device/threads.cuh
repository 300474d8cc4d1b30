#pragma once

/// CUDA's side of gpu/cuda/kernels/device.cuh. PTX ISA: sections "mma.sync", "ldmatrix", "cp.async".

#include <cuda_runtime.h>

#include <atomic>

#define KERNEL __global__
#define KERNEL_BOUNDS(threads, blocks) __global__ __launch_bounds__(threads, blocks)
#define DEVICE __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define UNROLL_BY(n) CHROMATIN_PRAGMA(unroll n)
#define CHROMATIN_PRAGMA(text) _Pragma(#text)
#define LAUNCH(kernel, ...) ::chromatin::gpu::cuda::launch<kernel>(__VA_ARGS__)
#define LAUNCH_EARLY(kernel, ...) ::chromatin::gpu::cuda::launch_early<kernel>(__VA_ARGS__)

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {

/// Lets `kernel` have as much shared memory as a block of the current device can; once per device.
template <auto kernel>
void raise_shared_limit() {
  static std::atomic<std::uint64_t> raised{0};
  int device = 0, most = 0;
  if (cudaGetDevice(&device) != cudaSuccess || device > 63 || raised.load() >> device & 1) return;
  if (cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) == cudaSuccess &&
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most) == cudaSuccess)
    raised.fetch_or(std::uint64_t{1} << device);
}

template <auto kernel, class... Arguments>
void launch(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, Arguments... arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  if (shared_bytes > std::size_t{48} << 10) raise_shared_limit<kernel>();
  kernel<<<dim3(blocks.x, blocks.y, blocks.z), threads, shared_bytes, reinterpret_cast<cudaStream_t>(queue)>>>(
      arguments...);
}

/// Of the current device; 0 where it cannot be asked.
inline int attribute(cudaDeviceAttr which) {
  int device = 0, value = 0;
  if (cudaGetDevice(&device) != cudaSuccess || cudaDeviceGetAttribute(&value, which, device) != cudaSuccess) return 0;
  return value;
}

template <auto kernel, class... Arguments>
void launch_early(grid blocks, std::uint32_t threads, std::size_t shared_bytes, stream queue, Arguments... arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  if (shared_bytes > std::size_t{48} << 10) raise_shared_limit<kernel>();
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks.x, blocks.y, blocks.z);
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = shared_bytes;
  config.stream = reinterpret_cast<cudaStream_t>(queue);
  config.attrs = &early;
  config.numAttrs = attribute(cudaDevAttrComputeCapabilityMajor) >= 9 ? 1 : 0;
  cudaLaunchKernelEx(&config, kernel, arguments...);
}

inline std::uint32_t multiprocessors() {
  auto count = attribute(cudaDevAttrMultiProcessorCount);
  return static_cast<std::uint32_t>(count > 0 ? count : 1);
}

DEVICE std::uint32_t thread_x() { return threadIdx.x; }
DEVICE std::uint32_t threads_x() { return blockDim.x; }
DEVICE std::uint32_t block_x() { return blockIdx.x; }
DEVICE std::uint32_t block_y() { return blockIdx.y; }
DEVICE std::uint32_t block_z() { return blockIdx.z; }
DEVICE std::uint32_t grid_x() { return gridDim.x; }

DEVICE unsigned char* shared_memory() {
  extern __shared__ __align__(1024) unsigned char block_memory[];
  return block_memory;
}
DEVICE std::uint32_t shared_address(const void* p) { return static_cast<std::uint32_t>(__cvta_generic_to_shared(p)); }

DEVICE void barrier() { __syncthreads(); }
DEVICE void warp_barrier() { __syncwarp(); }
template <class T>
DEVICE T shuffle_xor(T value, std::uint32_t mask) {
  return __shfl_xor_sync(0xffffffffu, value, static_cast<int>(mask));
}
template <class T>
DEVICE T shuffle(T value, std::uint32_t from) {
  return __shfl_sync(0xffffffffu, value, static_cast<int>(from));
}
DEVICE void await_earlier_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
DEVICE void admit_later_kernels() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
DEVICE bool vote_any(bool condition) { return __any_sync(0xffffffffu, condition); }

DEVICE void mma_16x8x16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

DEVICE void ldmatrix_x4(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
DEVICE void ldmatrix_x4_transposed(std::uint32_t (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row))
               : "memory");
}
DEVICE void ldmatrix_x2(std::uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}
DEVICE void ldmatrix_x2_transposed(std::uint32_t (&r)[2], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(row))
               : "memory");
}

DEVICE void copy_async_16(void* shared, const void* global, bool valid = true) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
               :
               : "r"(shared_address(shared)), "l"(__cvta_generic_to_global(global)), "r"(valid ? 16 : 0)
               : "memory");
}
DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int groups>
DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(groups) : "memory");
}

DEVICE words_16 load_16(const void* p) {
  auto v = *static_cast<const uint4*>(p);
  return {{v.x, v.y, v.z, v.w}};
}
DEVICE words_16 load_16_once(const void* p) {
  auto v = __ldcs(static_cast<const uint4*>(p));
  return {{v.x, v.y, v.z, v.w}};
}
DEVICE void store_16(void* p, words_16 words) {
  *static_cast<uint4*>(p) = make_uint4(words.w[0], words.w[1], words.w[2], words.w[3]);
}
DEVICE void store_8(void* p, words_8 words) { *static_cast<uint2*>(p) = make_uint2(words.w[0], words.w[1]); }

DEVICE std::uint32_t add_in_shared(std::uint32_t* to, std::uint32_t what) { return atomicAdd(to, what); }

DEVICE bool take_turn(std::uint32_t* turns, std::uint32_t count) {
  __threadfence();
  auto last = atomicInc(turns, count - 1) == count - 1;
  __threadfence();
  return last;
}

DEVICE float exp2_fast(float x) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
DEVICE float rsqrt_fast(float x) { return rsqrtf(x); }
DEVICE float reciprocal_fast(float x) {
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
}
DEVICE std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) { return __umul64hi(a, b); }
DEVICE std::uint32_t bits_of(float x) { return __float_as_uint(x); }
DEVICE float float_of(std::uint32_t bits) { return __uint_as_float(bits); }
DEVICE std::uint32_t to_bf16x2(float low, float high) {
  std::uint32_t result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(high), "f"(low));
  return result;
}
DEVICE std::uint16_t to_bf16(float x) { return static_cast<std::uint16_t>(to_bf16x2(x, 0.0f)); }

}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
