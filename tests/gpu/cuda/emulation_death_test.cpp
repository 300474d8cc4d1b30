#include "tests/gpu/cuda/emulation.hpp"

#include <array>

namespace chromatin::gpu::cuda {
inline namespace CHROMATIN_KERNELS {
namespace {

/// What a device would do wrong, or hang in, or do wrong on another day only.
struct EmulationDeathTest : emulation {
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    emulation::SetUp();
  }
};

KERNEL void warp_skips_barrier() {
  if (warp() != 1) barrier();
}

TEST_F(EmulationDeathTest, BarrierThatAWarpDoesNotReach) {
  EXPECT_DEATH(LAUNCH(warp_skips_barrier, (grid{2, 1}), 96, 0, nullptr),
               "block \\([01], 0, 0\\): thread [0-9]+ is at (a barrier while .* its end|its end while .* a barrier)");
}

KERNEL void lane_skips_barrier() {
  if (thread_x() != 37) barrier();
}

TEST_F(EmulationDeathTest, BarrierThatAThreadDoesNotReach) {
  EXPECT_DEATH(LAUNCH(lane_skips_barrier, grid{}, 64, 0, nullptr),
               "thread 37 is at its end while thread [0-9]+ of its warp is at a barrier|"
               "thread [0-9]+ is at a barrier while thread 37 of its warp is at its end");
}

KERNEL void lanes_diverge(float* out) { *out = lane() < 8 ? shuffle_xor(1.0f, 1) : static_cast<float>(vote_any(true)); }

TEST_F(EmulationDeathTest, TwoCollectivesAtOnceInAWarp) {
  float out;
  EXPECT_DEATH(LAUNCH(lanes_diverge, grid{}, 32, 0, nullptr, &out),
               "is at a (shuffle|vote) while .* at a (shuffle|vote)");
}

KERNEL void some_lanes_shuffle(float* out) {
  if (lane() % 2 == 0) *out = shuffle_xor(1.0f, 2);
}

TEST_F(EmulationDeathTest, CollectiveThatSomeLanesDoNotReach) {
  float out;
  EXPECT_DEATH(LAUNCH(some_lanes_shuffle, grid{}, 32, 0, nullptr, &out), "a shuffle while|while .* at a shuffle");
}

KERNEL void copy_to(std::uint32_t to, const unsigned char* from) {
  copy_async_16(shared_memory() + to, from);
  copy_async_commit();
  copy_async_wait<0>();
}

TEST_F(EmulationDeathTest, CopiesThatAreMisalignedOrLieOutsideOfSharedMemory) {
  alignas(16) std::array<unsigned char, 32> from{};
  EXPECT_DEATH(LAUNCH(copy_to, grid{}, 32, 64, nullptr, 8, from.data()),
               "thread [0-9]+: a copy_async_16 .*not aligned");
  EXPECT_DEATH(LAUNCH(copy_to, grid{}, 32, 64, nullptr, 0, from.data() + 4), "source of a copy_async_16 .*not aligned");
  EXPECT_DEATH(LAUNCH(copy_to, grid{}, 32, 64, nullptr, 64, from.data()), "a copy_async_16 outside shared memory");
}

KERNEL void forget_copy(const unsigned char* from) {
  copy_async_16(shared_memory() + thread_x() * 16, from);
  copy_async_commit();
}

TEST_F(EmulationDeathTest, CopyThatNobodyWaitsFor) {
  alignas(16) std::array<unsigned char, 16> from{};
  EXPECT_DEATH(LAUNCH(forget_copy, grid{}, 128, 2048, nullptr, from.data()), "ended before it waited for its copies");
}

KERNEL void load_rows(std::uint32_t offset) {
  std::uint32_t r[4];
  ldmatrix_x4(r, shared_memory() + lane() * 16 + offset);
}

TEST_F(EmulationDeathTest, RowsOfMatricesThatAreMisalignedOrLieOutsideOfSharedMemory) {
  EXPECT_DEATH(LAUNCH(load_rows, grid{}, 32, 1024, nullptr, 2), "a row of an ldmatrix .*not aligned");
  EXPECT_DEATH(LAUNCH(load_rows, grid{}, 32, 512, nullptr, 16), "a row of an ldmatrix outside shared memory");
}

KERNEL void write_shared(int offset) { shared_memory()[offset] = 1; }

TEST_F(EmulationDeathTest, WritesBesideSharedMemory) {
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 32, 100, nullptr, 100), "a write beyond shared memory");
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 32, 100, nullptr, -1), "a write before shared memory");
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 32, 1024, nullptr, 1024), "");
}

KERNEL void read_words(const unsigned char* from) { load_16(from + 4); }

TEST_F(EmulationDeathTest, AccessOf16BytesThatIsMisaligned) {
  alignas(16) std::array<unsigned char, 32> from{};
  EXPECT_DEATH(LAUNCH(read_words, grid{}, 32, 0, nullptr, from.data()), "load_16 .*not aligned to 16");
}

TEST_F(EmulationDeathTest, BlocksThatNoDeviceHas) {
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 33, 100, nullptr, 0), "whole warps");
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 2048, 100, nullptr, 0), "whole warps");
  EXPECT_DEATH(LAUNCH(write_shared, grid{}, 32, 300000, nullptr, 0), "227 KiB");
}

}  // namespace
}  // namespace CHROMATIN_KERNELS
}  // namespace chromatin::gpu::cuda
