#include "tests/gpu/cuda/emulation.hpp"

#include <array>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

using Emulation = emulation;

struct fragments {
  std::uint32_t a[32][4], b[32][2];
  float d[32][4];
};

KERNEL void multiply(fragments* f) { mma_16x8x16(f->d[lane()], f->a[lane()], f->b[lane()]); }

/// Where the PTX manual puts the elements of m16n8k16, written from its figures.
TEST_F(Emulation, ProductsAreThoseOfMatricesInTheManualsFragments) {
  std::mt19937 random{7};
  float a[16][16], b[16][8], d[16][8];
  auto whole = [&] { return static_cast<float>(static_cast<int>(random() % 17) - 8); };
  for (auto& row : a)
    for (auto& v : row) v = whole();
  for (auto& row : b)
    for (auto& v : row) v = whole();
  for (auto& row : d)
    for (auto& v : row) v = whole();
  fragments f;
  for (std::uint32_t lane = 0; lane < 32; ++lane) {
    auto group = lane >> 2, in_group = lane & 3;
    for (std::uint32_t i = 0; i < 8; ++i) {
      auto row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
      auto column = in_group * 2 + (i & 1) + (i >= 4 ? 8 : 0);
      auto shift = i % 2 * 16;
      f.a[lane][i / 2] = (shift ? f.a[lane][i / 2] : 0) | std::uint32_t{to_bf16(a[row][column])} << shift;
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
      auto row = in_group * 2 + (i & 1) + (i >= 2 ? 8 : 0);
      auto shift = i % 2 * 16;
      f.b[lane][i / 2] = (shift ? f.b[lane][i / 2] : 0) | std::uint32_t{to_bf16(b[row][group])} << shift;
      f.d[lane][i] = d[i < 2 ? group : group + 8][in_group * 2 + (i & 1)];
    }
  }
  LAUNCH(multiply, grid{}, 32, 0, nullptr, &f);
  for (std::uint32_t row = 0; row < 16; ++row)
    for (std::uint32_t column = 0; column < 8; ++column) {
      auto expected = d[row][column];
      for (std::uint32_t k = 0; k < 16; ++k) expected += a[row][k] * b[k][column];
      auto lane = row % 8 * 4 + column / 2;
      EXPECT_EQ(f.d[lane][row / 8 * 2 + column % 2], expected) << row << ' ' << column;
    }
}

struct loaded {
  std::uint32_t x4[32][4], x4_transposed[32][4], x2[32][2], x2_transposed[32][2];
};

/// Matrix m's row r begins at 32 · (8 · m + r) of shared memory, whose 16-bit words are numbered.
KERNEL void load(loaded* out) {
  auto* words = reinterpret_cast<std::uint16_t*>(shared_memory());
  for (std::uint32_t i = lane(); i < 512; i += 32) words[i] = static_cast<std::uint16_t>(i);
  warp_barrier();
  const auto* row = words + lane() * 16;
  ldmatrix_x4(out->x4[lane()], row);
  ldmatrix_x4_transposed(out->x4_transposed[lane()], row);
  const auto* row_or_none = lane() < 16 ? row : nullptr;  // only 16 lanes' are looked at
  ldmatrix_x2(out->x2[lane()], row_or_none);
  ldmatrix_x2_transposed(out->x2_transposed[lane()], row_or_none);
}

TEST_F(Emulation, LoadedMatricesHaveAPairOfARowOrOfAColumnInEachLane) {
  loaded out;
  LAUNCH(load, grid{}, 32, 1024, nullptr, &out);
  for (std::uint32_t lane = 0; lane < 32; ++lane)
    for (std::uint32_t m = 0; m < 4; ++m) {
      auto element = [&](std::uint32_t row, std::uint32_t column) { return (m * 8 + row) * 16 + column; };
      auto i = lane / 4, j = lane % 4 * 2;
      auto straight = element(i, j) | element(i, j + 1) << 16, across = element(j, i) | element(j + 1, i) << 16;
      EXPECT_EQ(out.x4[lane][m], straight);
      EXPECT_EQ(out.x4_transposed[lane][m], across);
      if (m >= 2) continue;
      EXPECT_EQ(out.x2[lane][m], straight);
      EXPECT_EQ(out.x2_transposed[lane][m], across);
    }
}

KERNEL void exchange_values(std::uint32_t* fours, std::uint64_t* eights, bool* votes) {
  auto t = thread_x();
  fours[t] = shuffle(t * 10, (t + 1) % 32);
  eights[t] = shuffle_xor(std::uint64_t{t} << 40, 5);
  votes[2 * t] = vote_any(t == 40);
  votes[2 * t + 1] = vote_any(false);
}

TEST_F(Emulation, WarpsExchangeValuesAndVotesAmongThemselves) {
  std::array<std::uint32_t, 64> fours;
  std::array<std::uint64_t, 64> eights;
  std::array<bool, 128> votes;
  LAUNCH(exchange_values, grid{}, 64, 0, nullptr, fours.data(), eights.data(), votes.data());
  for (std::uint32_t t = 0; t < 64; ++t) {
    EXPECT_EQ(fours[t], (t / 32 * 32 + (t + 1) % 32) * 10);
    EXPECT_EQ(eights[t], std::uint64_t{t ^ 5} << 40);
    EXPECT_EQ(votes[2 * t], t >= 32);
    EXPECT_FALSE(votes[2 * t + 1]);
  }
}

KERNEL void number_threads(std::uint32_t* out) {
  auto block = (block_z() * 2 + block_y()) * grid_x() + block_x();
  out[block * threads_x() + thread_x()] += block * 1000 + warp() * 32 + lane();
}

TEST_F(Emulation, EveryThreadOfEveryBlockRunsOnce) {
  std::vector<std::uint32_t> out(3 * 2 * 2 * 96);
  LAUNCH(number_threads, (grid{3, 2, 2}), 96, 0, nullptr, out.data());
  for (std::uint32_t i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], i / 96 * 1000 + i % 96);
  LAUNCH(number_threads, (grid{3, 0, 2}), 96, 0, nullptr, nullptr);
}

/// Each thread takes what another one has put into shared memory, `distance` further on.
KERNEL void pass_on(std::uint32_t* out, std::uint32_t distance, bool with_barrier) {
  auto* values = reinterpret_cast<std::uint32_t*>(shared_memory());
  values[thread_x()] = thread_x();
  if (with_barrier && distance % 32 == 0) barrier();
  if (with_barrier && distance % 32 != 0) warp_barrier();
  out[thread_x()] = values[(thread_x() + distance) % threads_x()];
}

/// In how many orders thread 5 gets a value that is not there yet.
std::uint64_t orders_in_which_5_is_wrong(std::uint32_t threads, std::uint32_t distance, bool with_barrier) {
  return seeds_with([&](stream queue) {
    std::array<std::uint32_t, 128> out;
    LAUNCH(pass_on, grid{}, threads, sizeof out, queue, out.data(), distance, with_barrier);
    return out[5] != (5 + distance) % threads;
  });
}

TEST_F(Emulation, WarpsRunInAnyOrderSoThatAMissingBarrierShows) {
  for (std::uint32_t distance : {32u, 96u}) {
    EXPECT_GT(orders_in_which_5_is_wrong(128, distance, false), 5u);
    EXPECT_LT(orders_in_which_5_is_wrong(128, distance, false), seeds - 5);
    EXPECT_EQ(orders_in_which_5_is_wrong(128, distance, true), 0u);
  }
}

TEST_F(Emulation, LanesRunInAnyOrderSoThatAMissingWarpBarrierShows) {
  for (std::uint32_t distance : {1u, 31u}) {
    EXPECT_GT(orders_in_which_5_is_wrong(32, distance, false), 5u);
    EXPECT_LT(orders_in_which_5_is_wrong(32, distance, false), seeds - 5);
    EXPECT_EQ(orders_in_which_5_is_wrong(32, distance, true), 0u);
  }
}

KERNEL void count_up(std::uint32_t* out, bool with_second_barrier) {
  auto* value = reinterpret_cast<std::uint32_t*>(shared_memory());
  for (std::uint32_t i = 0; i < 4; ++i) {
    if (thread_x() == 0) *value = i;
    barrier();
    out[thread_x()] += *value;
    if (with_second_barrier) barrier();
  }
}

TEST_F(Emulation, ValueThatIsOverwrittenTooEarlyShowsInSomeOrder) {
#ifdef CHROMATIN_SEES_RACES
  GTEST_SKIP() << "ThreadSanitizer reports this race";
#endif
  auto wrong = [](bool with_second_barrier) {
    return seeds_with([&](stream queue) {
      std::array<std::uint32_t, 64> out{};
      LAUNCH(count_up, grid{}, 64, 16, queue, out.data(), with_second_barrier);
      return std::accumulate(out.begin(), out.end(), 0u) != 64 * 6;
    });
  };
  EXPECT_GT(wrong(false), 0u);
  EXPECT_EQ(wrong(true), 0u);
}

KERNEL void read_shared(float* out) { out[thread_x()] = reinterpret_cast<float*>(shared_memory())[thread_x()]; }

TEST_F(Emulation, SharedMemoryStartsAsNotANumber) {
  std::array<float, 64> out{};
  for (int launches = 0; launches < 2; ++launches) {
    LAUNCH(read_shared, grid{}, 64, sizeof out, nullptr, out.data());
    for (auto v : out) EXPECT_TRUE(std::isnan(v));
  }
}

/// Two groups of copies; the first is waited for where `groups` is 1, both where it is 0.
template <int groups>
KERNEL void copy_in(const words_16* from, std::uint32_t* out, bool valid) {
  auto* there = shared_memory() + thread_x() * 32;
  copy_async_16(there, from + thread_x(), valid);
  copy_async_commit();
  copy_async_16(there + 16, from + thread_x());
  copy_async_commit();
  copy_async_wait<groups>();
  barrier();
  auto* words = reinterpret_cast<std::uint32_t*>(shared_memory());
  for (std::uint32_t i = 0; i < 2; ++i) out[thread_x() * 2 + i] = words[(threads_x() - 1 - thread_x()) * 8 + i * 4];
  copy_async_wait<0>();
}

TEST_F(Emulation, CopyIsThereAfterAWaitThatCoversIt) {
#ifdef CHROMATIN_SEES_RACES
  GTEST_SKIP() << "ThreadSanitizer reports this race";
#endif
  std::array<words_16, 64> from;
  for (std::uint32_t i = 0; i < 64; ++i) from[i] = {{i, i, i, i}};
  std::array<std::uint32_t, 128> out;
  auto wrong = [&](std::uint32_t first, std::uint32_t offset) {
    for (std::uint32_t t = 0; t < 64; ++t)
      if (out[2 * t + first] != 63 - t + offset) return true;
    return false;
  };
  EXPECT_EQ(seeds_with([&](stream queue) {
              LAUNCH(copy_in<0>, grid{}, 64, 2048, queue, from.data(), out.data(), true);
              return wrong(0, 0) || wrong(1, 0);
            }),
            0u);
  EXPECT_EQ(seeds_with([&](stream queue) {
              LAUNCH(copy_in<1>, grid{}, 64, 2048, queue, from.data(), out.data(), true);
              return wrong(0, 0);
            }),
            0u);
  EXPECT_GT(seeds_with([&](stream queue) {
              LAUNCH(copy_in<1>, grid{}, 64, 2048, queue, from.data(), out.data(), true);
              return wrong(1, 0);
            }),
            seeds / 2);
}

TEST_F(Emulation, CopyThatIsNotValidMakesZerosAndReadsNothing) {
  std::array<std::uint32_t, 64> out;
  seeded_stream queue{3};
  std::array<words_16, 32> from{};
  LAUNCH(copy_in<0>, grid{}, 32, 1024, &queue, from.data(), out.data(), false);
  for (std::uint32_t t = 0; t < 32; ++t) EXPECT_EQ(out[2 * t], 0u);
}

/// The source changes between the copy and its wait.
KERNEL void copy_and_change(words_16* source, std::uint32_t* out) {
  if (thread_x() == 0) copy_async_16(shared_memory(), source);
  copy_async_commit();
  warp_barrier();
  if (thread_x() == 0) source->w[0] = 2;
  copy_async_wait<0>();
  warp_barrier();
  out[thread_x()] = *reinterpret_cast<std::uint32_t*>(shared_memory());
}

TEST_F(Emulation, CopyReadsItsSourceAtAnyTimeUpToTheWait) {
  auto late = seeds_with([](stream queue) {
    words_16 source{{1, 1, 1, 1}};
    std::array<std::uint32_t, 32> out;
    LAUNCH(copy_and_change, grid{}, 32, 16, queue, &source, out.data());
    return out[5] == 2;
  });
  EXPECT_GT(late, 0u);
  EXPECT_LT(late, seeds);
}

TEST_F(Emulation, RoundsToTheNearestBf16AndTiesToEven) {
  EXPECT_EQ(to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(to_bf16(float_of(0x3f808000)), 0x3f80);
  EXPECT_EQ(to_bf16(float_of(0x3f818000)), 0x3f82);
  EXPECT_EQ(to_bf16(float_of(0x3f808001)), 0x3f81);
  EXPECT_EQ(to_bf16(float_of(0x7f7fffff)), 0x7f80);
  EXPECT_EQ(to_bf16(NAN), 0x7fff);
  EXPECT_EQ(to_bf16x2(1.0f, -2.0f), 0xc0003f80u);
  EXPECT_EQ(high_bf16(0xc0003f80u), -2.0f);
  EXPECT_EQ(low_bf16(0xc0003f80u), 1.0f);
}

}  // namespace
}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
