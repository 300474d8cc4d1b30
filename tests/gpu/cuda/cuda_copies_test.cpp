// The CUDA copy engine: what it moves, what its checksums say, and what its fences wait for.

#include <random>

#include "gpu/cuda/cuda_copies.hpp"
#include "tests/gpu/cuda/machines.hpp"
#include "tests/gpu/pages.hpp"

namespace chromatin::gpu::cuda {
namespace {

/// Slices without padding: full ones are copied to their places.
constexpr kv::geometry even_shape{.layers = 2, .kv_heads = 2, .head_dim = 64, .type = kv::dtype::bf16};

class CudaCopies : public OnMachine {
 protected:
  void SetUp() override {
    OnMachine::SetUp();
    if (on) begin(small_shape, false);
  }

  void begin(const kv::geometry& shape, bool verify) {
    engine.reset();
    device_pages = host_pages = nullptr;
    geometry = shape;
    const auto bytes = geometry.chunk_bytes();
    device_pages = kv::page_arena::make(on->allocate(8 * bytes), bytes);
    host_pages = kv::page_arena::make(on->pinned(8 * bytes), bytes);
    engine = std::make_unique<cuda_copies>(on, std::make_shared<event_pool>(on), geometry, verify);
  }
  void TearDown() override {
    engine.reset();
    device_pages = host_pages = nullptr;
  }

  static std::vector<std::byte> noise(unsigned seed, std::size_t bytes) {
    std::mt19937 generator{seed};
    std::vector<std::byte> all(bytes);
    for (auto& byte : all) byte = static_cast<std::byte>(generator());
    return all;
  }
  kv::page_ref in_device(unsigned seed) {
    auto page = device_pages->try_allocate();
    write(page.writable().data(), noise(seed, geometry.chunk_bytes()));
    return page;
  }
  kv::page_ref in_host(unsigned seed) {
    auto page = host_pages->try_allocate();
    std::ranges::copy(noise(seed, geometry.chunk_bytes()), page.writable().begin());
    return page;
  }
  /// The filled slots of a layer of a page in the device, packed.
  std::vector<std::byte> slots(const kv::page_ref& page, std::uint32_t layer, std::uint32_t tokens) {
    auto bytes = read(page.bytes().data(), geometry.chunk_bytes());
    std::vector<std::byte> packed(geometry.packed(layer, tokens).bytes);
    pack(geometry, layer, tokens, bytes, packed);
    return packed;
  }
  std::vector<std::byte> host_slice(const kv::page_ref& page, std::uint32_t layer, std::uint32_t tokens) const {
    auto slice = kv::packed_slice_of(page, geometry, layer, tokens);
    return {slice.begin(), slice.end()};
  }
  copy_result out(std::vector<slice_copy> slices, const fence& after = {}) {
    callback<copy_result> ended;
    engine->out(std::move(slices), after, ended.take());
    return ended.get();
  }
  std::pair<copy_error, bool> in(std::vector<slice_copy> slices) {
    callback<copy_result> ended;
    auto arrived = engine->in(std::move(slices), ended.take());
    auto error = ended.get().error;
    return {error, wait(arrived)};
  }
  static bool wait(const fence& f) {
    callback<bool> ended;
    f.then(ended.take());
    return ended.get();
  }

  kv::geometry geometry;
  std::shared_ptr<kv::page_arena> device_pages, host_pages;
  std::unique_ptr<cuda_copies> engine;
};

TEST_P(CudaCopies, OutPacksAndItsChecksumsAreThoseOfThePackedBytes) {
  for (const auto& shape : {small_shape, even_shape}) {
    begin(shape, false);
    for (std::uint32_t tokens : {1u, 20u, 63u, 64u}) {
      auto device = in_device(1), host = in_host(2);
      auto result = out({{device, 0, tokens, host, {}}, {device, 1, tokens, host, {}}});
      ASSERT_EQ(result.error, copy_error::none);
      ASSERT_EQ(result.checksums.size(), 2u);
      for (std::uint32_t layer : {0u, 1u}) {
        auto bytes = host_slice(host, layer, tokens);
        EXPECT_EQ(bytes, slots(device, layer, tokens)) << tokens << " tokens";
        EXPECT_EQ(result.checksums[layer], kv::checksum(bytes)) << tokens << " tokens";
      }
    }
  }
}

TEST_P(CudaCopies, WhatWentOutComesBackIn) {
  for (const auto& shape : {small_shape, even_shape})
    for (bool verify : {false, true}) {
      begin(shape, verify);
      for (std::uint32_t tokens : {1u, 17u, 64u}) {
        auto device = in_device(1), host = in_host(2), again = in_device(3);
        auto sums = out({{device, 1, tokens, host, {}}}).checksums;
        EXPECT_EQ(in({{again, 1, tokens, host, sums.at(0)}}), std::pair(copy_error::none, true));
        EXPECT_EQ(slots(again, 1, tokens), slots(device, 1, tokens));
      }
    }
}

TEST_P(CudaCopies, SlotsBehindTheFilledOnesStayAsTheyAre) {
  auto host = in_host(2), again = in_device(3);
  auto before = read(again.bytes().data(), geometry.chunk_bytes());
  EXPECT_EQ(in({{again, 1, 10, host, {}}}), std::pair(copy_error::none, true));
  auto after = read(again.bytes().data(), geometry.chunk_bytes());
  for (std::size_t piece = 0; piece < 2 * geometry.kv_heads; ++piece) {
    auto behind = geometry.slice(1).offset_bytes + piece * geometry.head_bytes() + 10 * geometry.token_bytes();
    EXPECT_EQ(after.at(behind), before.at(behind));
    EXPECT_NE(std::memcmp(&after[behind - geometry.token_bytes()], &before[behind - geometry.token_bytes()],
                          geometry.token_bytes()),
              0);
  }
}

TEST_P(CudaCopies, TheDamagedSliceIsNamedAndItsFenceFails) {
  for (std::uint32_t tokens : {40u, 64u}) {
    begin(even_shape, false);
    auto device = in_device(1), host = in_host(2), again = in_device(3);
    auto sums = out({{device, 0, tokens, host, {}}, {device, 1, tokens, host, {}}}).checksums;
    kv::packed_slice_of(host, geometry, 1, tokens)[100] ^= std::byte{1};
    callback<copy_result> ended;
    auto arrived = engine->in({{again, 0, tokens, host, sums[0]}, {again, 1, tokens, host, sums[1]}}, ended.take());
    auto result = ended.get();
    EXPECT_EQ(result.error, copy_error::damaged);
    EXPECT_EQ(result.index, 1u);
    EXPECT_FALSE(wait(arrived));
  }
}

TEST_P(CudaCopies, CopyTakesTheFilledSlotsOfAllLayers) {
  for (bool verify : {false, true}) {
    begin(small_shape, verify);
    auto from = in_device(1), to = in_device(2);
    auto before = read(to.bytes().data(), geometry.chunk_bytes());
    ASSERT_TRUE(wait(engine->copy(from, to, 10, {})));
    auto after = read(to.bytes().data(), geometry.chunk_bytes());
    for (std::uint32_t layer = 0; layer < geometry.layers; ++layer) {
      EXPECT_EQ(slots(to, layer, 10), slots(from, layer, 10));
      auto behind = geometry.slice(layer).offset_bytes + 10 * geometry.token_bytes();
      EXPECT_EQ(after[behind], before[behind]);
    }
  }
}

TEST_P(CudaCopies, WaitForTheirFenceAndFailWithIt) {
  auto device = in_device(1), host = in_host(2), other = in_device(3);
  for (bool right : {true, false}) {
    fence_source source;
    auto over = std::make_shared<std::atomic<bool>>(false);
    callback<copy_error> ended;
    engine->out({{device, 0, 64, host, {}}}, source.get(), [over, take = ended.take()](const copy_result& x) {
      *over = true;
      take(x.error);
    });
    auto copied = engine->copy(device, other, 64, source.get());
    ASSERT_EQ(out({{device, 1, 64, host, {}}}).error, copy_error::none);  // overtakes
    EXPECT_FALSE(*over || copied.over());
    right ? source.pass() : source.fail();
    EXPECT_EQ(ended.get(), right ? copy_error::none : copy_error::failed);
    EXPECT_EQ(wait(copied), right);
  }
}

TEST_P(CudaCopies, ASaveBehindADamagedLoadFails) {
  auto host = in_host(2), device = in_device(3), down = in_host(4);
  callback<copy_result> loaded;
  auto arrived = engine->in({{device, 0, 64, host, 12345u}}, loaded.take());
  EXPECT_EQ(out({{device, 0, 64, down, {}}}, arrived).error, copy_error::failed);
  EXPECT_EQ(loaded.get().error, copy_error::damaged);
}

TEST_P(CudaCopies, WhatIsLoadedIsCopiedAndSavedWhenItIsThere) {
  begin(even_shape, false);
  for (unsigned round = 0; round < 20; ++round) {
    auto host = in_host(round), device = in_device(100), other = in_device(200), down = in_host(300);
    callback<copy_result> loaded, saved;
    auto arrived = engine->in({{device, 0, 64, host, {}}, {device, 1, 64, host, {}}}, loaded.take());
    auto copied = engine->copy(device, other, 64, arrived);
    engine->out({{other, 0, 64, down, {}}}, copied, saved.take());
    EXPECT_EQ(saved.get().error, copy_error::none);
    EXPECT_EQ(host_slice(down, 0, 64), host_slice(host, 0, 64)) << "round " << round;
    EXPECT_EQ(slots(other, 1, 64), host_slice(host, 1, 64)) << "round " << round;
    EXPECT_EQ(loaded.get().error, copy_error::none);
  }
}

TEST_P(CudaCopies, PagesAreHeldUntilTheCopyIsDone) {
  fence_source source;
  callback<std::uint32_t> ended;
  engine->out({{in_device(1), 0, 64, in_host(2), {}}}, source.get(),
              [take = ended.take(), arena = device_pages](const copy_result&) { take(arena->available()); });
  EXPECT_EQ(device_pages->available(), 7u);
  source.pass();
  EXPECT_EQ(ended.get(), 8u);
}

TEST_P(CudaCopies, WhatIsNotDoneFailsWithItsEngine) {
  auto device = in_device(1), host = in_host(2);
  fence_source source;
  callback<copy_error> ended;
  engine->out({{device, 0, 64, host, {}}}, source.get(),
              [take = ended.take()](const copy_result& x) { take(x.error); });
  auto copied = engine->copy(device, device, 64, source.get());
  engine.reset();
  source.pass();  // too late
  EXPECT_EQ(ended.get(), copy_error::failed);
  EXPECT_FALSE(wait(copied));
}

INSTANTIATE_TEST_SUITE_P(Machines, CudaCopies, testing::Values(machine::emulated, machine::real), name_of);

/// What a device that fails does to copies; a real one cannot be told to.
TEST(EmulatedCopies, ADeviceThatFailedFailsEveryCopy) {
  auto on = make_emulated_device();
  const auto bytes = even_shape.chunk_bytes();
  auto device_pages = kv::page_arena::make(on->allocate(2 * bytes), bytes);
  auto host_pages = kv::page_arena::make(on->pinned(2 * bytes), bytes);
  cuda_copies engine{on, std::make_shared<event_pool>(on), even_shape, false};
  auto device = device_pages->try_allocate(), host = host_pages->try_allocate(), other = device_pages->try_allocate();
  on->fail("the device fell off the bus");
  callback<copy_result> loaded, saved;
  callback<bool> arrived, copied;
  engine.in({{device, 0, 64, host, 1u}}, loaded.take()).then(arrived.take());
  engine.out({{device, 0, 64, host, {}}}, {}, saved.take());
  engine.copy(device, other, 64, {}).then(copied.take());
  EXPECT_EQ(loaded.get().error, copy_error::failed);
  EXPECT_EQ(saved.get().error, copy_error::failed);
  EXPECT_FALSE(arrived.get() || copied.get());
}

}  // namespace
}  // namespace chromatin::gpu::cuda
