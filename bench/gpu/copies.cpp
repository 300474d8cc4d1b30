#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "bench/gpu/parts.hpp"

namespace chromatin::bench {
namespace {

using gpu::cuda::byte_copy;

/// Of all that is copied: a slice of 7B LLaMA's, one of a model whose groups of four heads share keys, a small one.
constexpr std::size_t shares[] = {1024, 4096, 16384};
constexpr std::size_t groups = 32;  ///< layers

/// Slices that lie in any order on both sides.
std::vector<byte_copy> scattered(std::byte* to, const std::byte* from, std::size_t bytes, std::size_t slice) {
  std::vector<std::size_t> sources(bytes / slice), targets(bytes / slice);
  std::iota(sources.begin(), sources.end(), std::size_t{0});
  std::iota(targets.begin(), targets.end(), std::size_t{0});
  std::mt19937_64 random{1};
  std::ranges::shuffle(sources, random);
  std::ranges::shuffle(targets, random);
  std::vector<byte_copy> all;
  for (std::size_t i = 0; i < sources.size(); ++i)
    all.push_back({to + targets[i] * slice, from + sources[i] * slice, slice});
  return all;
}

/// Bytes a second of slices that are asked for one by one, and of batches with a layer each.
std::pair<double, double> rates(workbench& on, const std::vector<byte_copy>& copies) {
  auto& device = on.device();
  auto bytes = static_cast<double>(copies.size() * copies.front().bytes);
  auto one_by_one = on.seconds([&] {
    for (const auto& c : copies) device.copy(on.stream(), c.to, c.from, c.bytes);
  });
  auto batched = on.seconds([&] {
    auto layer = (copies.size() + groups - 1) / groups;
    for (std::size_t first = 0; first < copies.size(); first += layer)
      device.copy_many(on.stream(), std::span{copies}.subspan(first, std::min(layer, copies.size() - first)));
  });
  return {bytes / one_by_one, bytes / batched};
}

}  // namespace

void measure_copies(workbench& on, const gpu_bench_sizes& sizes, report& to) {
  to.section("Slices in any order over the link: in a batch for each layer, and one by one");
  auto bytes = sizes.copy_bytes;
  auto there = on.random(bytes);
  auto host = on.device().pinned(bytes);
  std::memset(host.data.get(), 1, bytes);
  for (auto share : shares) {
    auto slice = bytes / share;
    for (bool in : {true, false}) {
      auto [one_by_one, batched] = rates(on, in ? scattered(there.data.get(), host.data.get(), bytes, slice)
                                                : scattered(host.data.get(), there.data.get(), bytes, slice));
      to.add({.key = fmt::format("copies.{}.{}_gb_per_s", share, in ? "in" : "out"),
              .name = fmt::format("{:g} KiB, {} the device", static_cast<double>(slice) / 1024, in ? "to" : "from"),
              .value = batched * 1e-9,
              .unit = "GB/s",
              .beside = fmt::format("{:.1f} one by one", one_by_one * 1e-9)});
    }
  }
}

}  // namespace chromatin::bench
