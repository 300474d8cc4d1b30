#include "gpu/cuda/device/trial.hpp"

#include <algorithm>

#include "gpu/cuda/device/memory.hpp"

namespace chromatin::gpu::cuda {

namespace {

constexpr int repeats = 5;

}  // namespace

trial::trial(int device, std::size_t cache_bytes, first_error& errors)
    : errors_{errors}, other_{device_memory(device, 2 * cache_bytes)} {
  errors_.passed(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream");
  errors_.passed(cudaEventCreate(&begin_), "making an event");
  errors_.passed(cudaEventCreate(&end_), "making an event");
}

trial::~trial() {
  if (stream_) cudaStreamSynchronize(stream_);
  if (begin_) cudaEventDestroy(begin_);
  if (end_) cudaEventDestroy(end_);
  if (stream_) cudaStreamDestroy(stream_);
}

std::optional<float> trial::milliseconds(const std::function<bool(cudaStream_t)>& run) {
  if (errors_.any()) return std::nullopt;
  float best = 0;
  for (int i = 0; i <= repeats; ++i) {
    fill(other_);
    errors_.passed(cudaEventRecord(begin_, stream_), "recording an event");
    auto enqueued = run(stream_);
    errors_.passed(cudaEventRecord(end_, stream_), "recording an event");
    float ms = 0;
    if (!errors_.passed(cudaStreamSynchronize(stream_), "trying an algorithm") ||
        !errors_.passed(cudaEventElapsedTime(&ms, begin_, end_), "measuring an algorithm") || !enqueued)
      return std::nullopt;
    if (i > 0) best = i == 1 ? ms : std::min(best, ms);
  }
  return best;
}

void trial::fill(const kv::memory_block& memory) {
  if (memory.size_bytes > 0)
    errors_.passed(cudaMemsetAsync(memory.data.get(), 0x3c, memory.size_bytes, stream_), "filling memory");
}

}  // namespace chromatin::gpu::cuda
