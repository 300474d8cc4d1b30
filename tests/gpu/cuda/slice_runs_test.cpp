// Which slices one copy takes.

#include "gpu/cuda/slice_runs.hpp"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace chromatin::gpu::cuda {
namespace {

constexpr std::size_t slice_bytes = 4096;

std::byte* at(std::size_t address) { return reinterpret_cast<std::byte*>(address); }  // never read

slice_place_pair slice(std::size_t device_page, std::size_t host_page) {
  return {at((1000 + 3 * device_page) * slice_bytes), at((900'000 + 5 * host_page) * slice_bytes), slice_bytes};
}

TEST(SliceRuns, PagesAtEqualDistancesAreOneRun) {
  for (bool backwards : {false, true}) {
    std::vector<slice_place_pair> slices{slice(4, 10), slice(6, 11), slice(8, 12)};
    if (backwards) std::swap(slices.front(), slices.back());
    auto runs = runs_of(slices);
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].device, slice(4, 10).device);
    EXPECT_EQ(runs[0].host, slice(4, 10).host);
    EXPECT_EQ(runs[0].rows, 3u);
    EXPECT_EQ(runs[0].device_stride, 6 * slice_bytes);
    EXPECT_EQ(runs[0].host_stride, 5 * slice_bytes);
  }
}

TEST(SliceRuns, WhatDoesNotLieSoIsCopiedByItself) {
  auto far = slice(4, 10);
  far.host += run_stride_bytes_max + slice_bytes;
  auto longer = slice(5, 11);
  longer.bytes = 2 * slice_bytes;
  EXPECT_EQ(runs_of(std::vector{slice(4, 10), slice(5, 9)}).size(), 2u) << "one side goes back";
  EXPECT_EQ(runs_of(std::vector{slice(4, 10), far}).size(), 2u) << "too far";
  EXPECT_EQ(runs_of(std::vector{slice(4, 10), longer}).size(), 2u) << "of other sizes";
  EXPECT_EQ(runs_of(std::vector{slice(4, 10), slice(4, 11)}).size(), 2u) << "the same page twice";
  EXPECT_TRUE(runs_of({}).empty());
}

TEST(SliceRuns, EverySliceIsInOneRunWithBothItsPlaces) {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random{seed};
    std::vector<slice_place_pair> slices;
    std::size_t device = 100, host = 500;
    for (int i = 0; i < 40; ++i) {
      slices.push_back(slice(device, host));
      const auto way = random() % 8;
      device += way == 0 ? 7 : way == 1 ? std::size_t(-2) : 1;
      host += way == 2 ? 9 : way == 1 ? std::size_t(-1) : 1;
    }
    std::multiset<std::pair<std::byte*, std::byte*>> wanted, found;
    for (const auto& s : slices) wanted.emplace(s.device, s.host);
    for (const auto& r : runs_of(slices))
      for (std::size_t row = 0; row < r.rows; ++row)
        found.emplace(r.device + row * r.device_stride, r.host + row * r.host_stride);
    EXPECT_EQ(found, wanted);
    EXPECT_LT(runs_of(slices).size(), slices.size());
  }
}

}  // namespace
}  // namespace chromatin::gpu::cuda
