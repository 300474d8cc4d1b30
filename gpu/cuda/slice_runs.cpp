#include "gpu/cuda/slice_runs.hpp"

namespace chromatin::gpu::cuda {
namespace {

/// True if b may follow a in a run: at places that are further on both sides, or nearer on both, and do not overlap.
bool may_follow(const slice_place_pair& a, const slice_place_pair& b) {
  const auto device = b.device - a.device, host = b.host - a.host;
  if (a.bytes != b.bytes || (device > 0) != (host > 0)) return false;
  const auto bytes = static_cast<std::ptrdiff_t>(a.bytes), most = static_cast<std::ptrdiff_t>(run_stride_bytes_max);
  auto fits = [&](std::ptrdiff_t stride) {
    return (stride >= bytes && stride <= most) || (-stride >= bytes && -stride <= most);
  };
  return fits(device) && fits(host);
}

/// How many of the slices, the first of them included, are a run.
std::size_t length_of_run(std::span<const slice_place_pair> slices) {
  if (slices.size() < 2 || !may_follow(slices[0], slices[1])) return 1;
  const auto device = slices[1].device - slices[0].device, host = slices[1].host - slices[0].host;
  std::size_t length = 2;
  while (length < slices.size() && slices[length].bytes == slices[0].bytes &&
         slices[length].device - slices[length - 1].device == device &&
         slices[length].host - slices[length - 1].host == host)
    ++length;
  return length;
}

}  // namespace

std::vector<slice_run> runs_of(std::span<const slice_place_pair> slices) {
  std::vector<slice_run> runs;
  while (!slices.empty()) {
    const auto rows = length_of_run(slices);
    const bool backwards = rows > 1 && slices[1].device < slices[0].device;
    const auto& first = slices[backwards ? rows - 1 : 0];
    const auto& second = slices[rows == 1 ? 0 : backwards ? rows - 2 : 1];
    runs.push_back({.device = first.device,
                    .host = first.host,
                    .bytes = first.bytes,
                    .rows = rows,
                    .device_stride = rows == 1 ? first.bytes : static_cast<std::size_t>(second.device - first.device),
                    .host_stride = rows == 1 ? first.bytes : static_cast<std::size_t>(second.host - first.host)});
    slices = slices.subspan(rows);
  }
  return runs;
}

}  // namespace chromatin::gpu::cuda
