#include "gpu/cuda/plan_upload.hpp"

#include <bit>
#include <cstring>

namespace chromatin::gpu::cuda {
namespace {

constexpr std::size_t alignment = 16;
constexpr std::size_t bytes_least = 256 << 10;

/// Arrays one behind the other; counts only when it has no memory.
struct writer {
  std::byte* host = nullptr;
  std::byte* device = nullptr;
  std::size_t bytes = 0;

  template <class T>
  T* put(const std::vector<T>& values) {
    const auto at = bytes;
    bytes += (values.size() * sizeof(T) + alignment - 1) / alignment * alignment;
    if (!host) return nullptr;
    if (!values.empty()) std::memcpy(host + at, values.data(), values.size() * sizeof(T));
    return reinterpret_cast<T*>(device + at);
  }
};

}  // namespace

bool plan_upload::send(const step_plan& plan, stream in, bool first_of_step) {
  if (first_of_step) used_ = 0;
  auto put_all = [&](writer& w) {  // pages last: decode steps of as many rows find everything else in its place again
    tokens_ = w.put(plan.tokens);
    batch_.rows = plan.rows();
    batch_.sequence_of_row = w.put(plan.sequence_of_row);
    batch_.sequences = w.put(plan.sequences);
    batch_.sequence_count = static_cast<std::uint32_t>(plan.sequences.size());
    single_ = w.put(plan.single);
    many_ = w.put(plan.many);
    last_rows_ = w.put(plan.last_rows);
    inverse_temperatures_ = w.put(plan.inverse_temperatures);
    batch_.pages = w.put(plan.pages);
  };
  writer count;
  put_all(count);
  const auto size = std::bit_ceil(std::max(count.bytes, bytes_least));
  const bool moves = device_.size() < count.bytes;
  if (moves) device_ = device_array<std::byte>{on_, size};
  if (used_ == host_.size()) host_.push_back({});
  auto& host = host_[used_++];
  if (host.size() < count.bytes) host = device_array<std::byte>::pinned(on_, size);
  writer now{host.data(), device_.data()};
  put_all(now);
  on_.copy(in, device_.data(), host.data(), now.bytes);
  return moves;
}

}  // namespace chromatin::gpu::cuda
