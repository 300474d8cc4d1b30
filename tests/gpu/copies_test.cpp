// Copy engines: the CPU's with its own thread, and the toy's, which ends copies when it is told to.

#include <atomic>

#include <gtest/gtest.h>

#include "gpu/cpu/cpu_copies.hpp"
#include "tests/gpu/pages.hpp"
#include "tests/support/toy_backend.hpp"
#include "tests/support/toy_copies.hpp"

namespace chromatin::gpu {
namespace {

/// An engine whose next written bytes can be spoiled.
struct rig {
  explicit rig(bool verify)
      : engine{std::make_unique<cpu_copies>(slice_mover{small_shape, verify, [this](std::span<std::byte> written) {
                                                          if (std::exchange(spoils, false)) written[5] ^= std::byte{4};
                                                        }})} {}

  copy_result out(std::vector<slice_copy> slices, const fence& after = {}) {
    callback<copy_result> ended;
    engine->out(std::move(slices), after, ended.take());
    return ended.get();
  }
  /// What `done` said, and whether the fence passed.
  std::pair<copy_error, bool> in(std::vector<slice_copy> slices) {
    callback<copy_result> ended;
    auto fence = engine->in(std::move(slices), ended.take());
    auto error = ended.get().error;
    return {error, wait(fence)};
  }
  static bool wait(const fence& f) {
    callback<bool> ended;
    f.then(ended.take());
    return ended.get();
  }

  bool spoils = false;  ///< set before a copy, used by the engine's thread
  page_pool pool;
  std::unique_ptr<copy_engine> engine;
};

TEST(Copies, OutPacksAndItsChecksumsAreThoseOfThePackedBytes) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2);
  auto result = r.out({{device, 0, 20, host, {}}, {device, 2, 20, host, {}}});
  ASSERT_EQ(result.error, copy_error::none);
  ASSERT_EQ(result.checksums.size(), 2u);
  for (std::uint32_t i : {0u, 1u}) {
    auto place = small_shape.packed(2 * i, 20);
    auto bytes = host.bytes().subspan(place.offset_bytes, place.bytes);
    EXPECT_EQ(std::vector(bytes.begin(), bytes.end()), packed_of(device, 2 * i, 20));
    EXPECT_EQ(result.checksums[i], kv::checksum(bytes));
  }
}

TEST(Copies, WhatWentOutComesBackIn) {
  for (bool verify : {false, true})
    for (std::uint32_t tokens : {1u, 17u, 64u}) {
      rig r{verify};
      auto device = r.pool.random(1), host = r.pool.random(2), again = r.pool.random(3);
      auto sums = r.out({{device, 1, tokens, host, {}}}).checksums;
      EXPECT_EQ(r.in({{again, 1, tokens, host, sums.at(0)}}), std::pair(copy_error::none, true));
      EXPECT_EQ(packed_of(again, 1, tokens), packed_of(device, 1, tokens));
    }
}

TEST(Copies, DamagedHostBytesNeverReachTheDevice) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2), again = r.pool.random(3);
  auto before = bytes_of(again);
  auto sums = r.out({{device, 0, 40, host, {}}, {device, 1, 40, host, {}}}).checksums;
  host.writable()[small_shape.packed(1, 40).offset_bytes + 100] ^= std::byte{1};
  EXPECT_EQ(r.in({{again, 1, 40, host, sums[1]}}), std::pair(copy_error::damaged, false));
  EXPECT_EQ(bytes_of(again), before);
}

TEST(Copies, TheDamagedSliceIsNamed) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2), again = r.pool.random(3);
  auto sums = r.out({{device, 0, 64, host, {}}, {device, 1, 64, host, {}}}).checksums;
  callback<copy_result> ended;
  r.engine->in({{again, 0, 64, host, sums[0]}, {again, 1, 64, host, sums[1] + 1}}, ended.take());
  EXPECT_EQ(ended.get().index, 1u);
}

TEST(Copies, AByteThatFlipsOnTheWayOutIsNoticedOnTheWayIn) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2);
  r.spoils = true;
  auto out = r.out({{device, 0, 64, host, {}}});
  ASSERT_EQ(out.error, copy_error::none);
  EXPECT_EQ(r.in({{device, 0, 64, host, out.checksums[0]}}).first, copy_error::damaged);
}

TEST(Copies, VerifyNoticesAByteThatFlipsInAnyCopy) {
  rig r{true};
  auto device = r.pool.random(1), host = r.pool.random(2), other = r.pool.random(3);
  r.spoils = true;
  EXPECT_EQ(r.out({{device, 0, 50, host, {}}}).error, copy_error::damaged);
  auto sums = r.out({{device, 0, 50, host, {}}}).checksums;
  for (auto checksum : {std::optional{sums.at(0)}, std::optional<std::uint64_t>{}}) {
    r.spoils = true;
    EXPECT_EQ(r.in({{other, 0, 50, host, checksum}}), std::pair(copy_error::damaged, false));
  }
  r.spoils = true;
  EXPECT_FALSE(rig::wait(r.engine->copy(device, other, 50, {})));
  EXPECT_TRUE(rig::wait(r.engine->copy(device, other, 50, {})));
}

TEST(Copies, CopyTakesTheFilledSlotsOfAllLayers) {
  rig r{false};
  auto from = r.pool.random(1), to = r.pool.random(2);
  auto slot_behind = bytes_of(to);
  ASSERT_TRUE(rig::wait(r.engine->copy(from, to, 10, {})));
  for (std::uint32_t layer = 0; layer < small_shape.layers; ++layer) {
    EXPECT_EQ(packed_of(to, layer, 10), packed_of(from, layer, 10));
    auto behind = small_shape.slice(layer).offset_bytes + 10 * small_shape.token_bytes();
    EXPECT_EQ(to.bytes()[behind], slot_behind[behind]);
  }
}

TEST(Copies, WaitForTheirFenceAndFailWithIt) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2), other = r.pool.random(3);
  for (bool right : {true, false}) {
    fence_source source;
    auto over = std::make_shared<std::atomic<bool>>(false);
    callback<copy_error> ended;
    r.engine->out({{device, 0, 64, host, {}}}, source.get(), [over, take = ended.take()](const copy_result& x) {
      *over = true;
      take(x.error);
    });
    auto copied = r.engine->copy(device, other, 64, source.get());
    ASSERT_EQ(r.out({{device, 1, 64, host, {}}}).error, copy_error::none);  // overtakes
    EXPECT_FALSE(*over || copied.over());
    right ? source.pass() : source.fail();
    EXPECT_EQ(ended.get(), right ? copy_error::none : copy_error::failed);
    EXPECT_EQ(rig::wait(copied), right);
  }
}

TEST(Copies, PagesAreHeldUntilTheCopyIsDone) {
  rig r{false};
  fence_source source;
  callback<std::uint32_t> ended;
  {
    auto device = r.pool.random(1), host = r.pool.random(2);
    r.engine->out({{device, 0, 64, host, {}}}, source.get(),
                  [take = ended.take(), arena = r.pool.arena](const copy_result&) { take(arena->available()); });
  }
  EXPECT_EQ(r.pool.arena->available(), 6u);
  source.pass();
  EXPECT_EQ(ended.get(), 8u);
}

TEST(Copies, WhatIsNotDoneFailsWithItsEngine) {
  rig r{false};
  auto device = r.pool.random(1), host = r.pool.random(2);
  fence_source source;
  callback<copy_error> ended;
  r.engine->out({{device, 0, 64, host, {}}}, source.get(),
                [take = ended.take()](const copy_result& x) { take(x.error); });
  auto copied = r.engine->copy(device, host, 64, source.get());
  r.engine.reset();
  source.pass();  // too late
  EXPECT_EQ(ended.get(), copy_error::failed);
  EXPECT_FALSE(rig::wait(copied));
}

TEST(ToyCopies, EndWhenTheyAreToldToAndNeverBeforeTheirFence) {
  test::toy_backend toy{{.layers = 1}};
  const auto& g = toy.geometry();
  auto arena = toy.make_arena(4);
  auto device = arena->try_allocate(), host = arena->try_allocate();
  fence_source source;
  int done = 0;
  toy.copies().out({{device, 0, 64, host, {}}}, source.get(), [&](copy_result) { ++done; });
  EXPECT_FALSE(toy.poll());
  EXPECT_TRUE(toy.busy());
  source.pass();
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(toy.poll());
  EXPECT_EQ(done, 1);
  EXPECT_FALSE(toy.busy());
  EXPECT_EQ(packed_of(device, 0, 64, g), packed_of(host, 0, 64, g));
}

TEST(ToyCopies, FaultsStrikeAsOftenAsTheyAreCounted) {
  test::toy_backend toy{{.layers = 1}};
  auto arena = toy.make_arena(4);
  auto device = arena->try_allocate(), host = arena->try_allocate();
  std::vector<copy_error> ends;
  auto note = [&](const copy_result& r) { ends.push_back(r.error); };
  auto settle = [&] {
    while (toy.poll()) {
    }
  };
  toy.faults = {.in_fails = 1, .out_fails = 1, .copy_fails = 1};
  std::vector<fence> fences;
  for (int i = 0; i < 2; ++i) {
    toy.copies().out({{device, 0, 64, host, {}}}, {}, note);
    settle();
    fences.push_back(toy.copies().in({{device, 0, 64, host, {}}}, note));
    settle();
    fences.push_back(toy.copies().copy(device, host, 64, {}));
    settle();
  }
  using enum copy_error;
  EXPECT_EQ(ends, (std::vector{failed, failed, none, none}));
  EXPECT_TRUE(fences[0].failed() && fences[1].failed() && fences[2].passed() && fences[3].passed());
}

}  // namespace
}  // namespace chromatin::gpu
