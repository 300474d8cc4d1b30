#include "gpu/cuda/device/memory.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include <cuda_runtime_api.h>

#include "kv/check.hpp"

namespace chromatin::gpu::cuda {

namespace {

constexpr std::size_t alignment = 4096;

/// Throws when an allocation failed, which is no failure of the device.
void check_allocation(cudaError_t result) {
  if (result == cudaSuccess) return;
  cudaGetLastError();
  throw std::bad_alloc();
}

}  // namespace

kv::memory_block device_memory(int device, std::size_t bytes) {
  void* start = nullptr;
  check_allocation(cudaSetDevice(device));
  check_allocation(cudaMalloc(&start, bytes + alignment - 1));  // small ones are aligned to 512 bytes only
  auto address = reinterpret_cast<std::uintptr_t>(start);
  auto* data = static_cast<std::byte*>(start) + ((address + alignment - 1) / alignment * alignment - address);
  auto release = [device, start](std::byte*) {
    cudaSetDevice(device);
    cudaFree(start);
    cudaGetLastError();
  };
  return {{data, release}, bytes};
}

kv::memory_block pinned_memory(int device, std::size_t bytes) {
  check_allocation(cudaSetDevice(device));
  auto whole = (std::max(bytes, std::size_t{1}) + alignment - 1) / alignment * alignment;
  auto plain = std::make_shared<kv::memory_block>(kv::plain_memory(whole));
  auto* data = plain->data.get();
  if (cudaHostRegister(data, whole, cudaHostRegisterPortable) == cudaSuccess) {
    auto release = [plain = std::move(plain)](std::byte* p) mutable {
      cudaHostUnregister(p);
      cudaGetLastError();
      plain.reset();
    };
    return {{data, std::move(release)}, bytes};
  }
  cudaGetLastError();
  plain.reset();
  void* start = nullptr;
  check_allocation(cudaHostAlloc(&start, whole, cudaHostAllocPortable));
  CHROMATIN_CHECK(reinterpret_cast<std::uintptr_t>(start) % alignment == 0, "pinned memory begins at a page");
  auto release = [](std::byte* p) {
    cudaFreeHost(p);
    cudaGetLastError();
  };
  return {{static_cast<std::byte*>(start), release}, bytes};
}

}  // namespace chromatin::gpu::cuda
