#include "kv/page.hpp"

#include <thread>

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace chromatin::kv {
namespace {

TEST(Geometry, ASliceIsPaddedToOneAlignedRead) {
  geometry concierge{6, 2, 64, dtype::bf16};
  EXPECT_EQ(concierge.slice_bytes(), 32768u);
  EXPECT_EQ(concierge.chunk_bytes(), 196608u);
  geometry odd{1, 1, 16, dtype::bf16};
  EXPECT_EQ(odd.slice_bytes(), 4096u);
  geometry odder{1, 3, 48, dtype::bf16};
  EXPECT_EQ(odder.slice_bytes() % slice_alignment_bytes, 0u);
  EXPECT_GE(odder.slice_bytes(), 2u * 3 * 64 * 48 * 2);
}

TEST(Geometry, ThePackedFormHasTheFilledTokensOnly) {
  geometry odd{3, 3, 48, dtype::bf16};
  for (std::uint32_t tokens = 1; tokens <= tokens_per_chunk; ++tokens) {
    auto used = 2u * 3 * tokens * 48 * 2;
    auto first = odd.packed(0, tokens), second = odd.packed(1, tokens);
    EXPECT_GE(first.bytes, used);
    EXPECT_LT(first.bytes, used + slice_alignment_bytes);
    EXPECT_EQ(first.bytes % slice_alignment_bytes, 0u);
    EXPECT_EQ(second.offset_bytes, first.bytes);
    EXPECT_EQ(odd.packed_bytes(tokens), 3 * first.bytes);
  }
  for (std::uint32_t layer = 0; layer < 3; ++layer) EXPECT_EQ(odd.packed(layer, tokens_per_chunk), odd.slice(layer));
}

TEST(Checksum, CoversEveryByteOfEveryPiece) {
  std::vector<std::byte> slice(3 * slice_alignment_bytes + 100);
  auto right = checksum(slice);
  for (std::size_t at : {std::size_t{0}, slice_alignment_bytes, slice.size() - 1}) {
    slice[at] = std::byte{1};
    EXPECT_NE(checksum(slice), right) << at;
    slice[at] = std::byte{0};
  }
  std::swap_ranges(slice.begin(), slice.begin() + 4096, slice.begin() + 4096);
  EXPECT_EQ(checksum(slice), right);
  EXPECT_NE(checksum(std::span{slice}.first(4096)), right);
}

TEST(PageArena, GivesEveryPageOnceAndTakesItBack) {
  auto arena = page_arena::make(plain_memory(3 * 8192), 8192);
  std::vector<page_ref> pages;
  while (auto page = arena->try_allocate()) pages.push_back(page);
  EXPECT_EQ(pages.size(), 3u);
  EXPECT_NE(pages[0].bytes().data(), pages[1].bytes().data());
  pages.pop_back();
  EXPECT_EQ(arena->available(), 1u);
  EXPECT_TRUE(arena->try_allocate());
}

TEST(PageArena, APageGoesBackWithItsLastHandle) {
  auto arena = page_arena::make(plain_memory(4096), 4096);
  auto a = arena->try_allocate();
  auto b = a;
  a = {};
  EXPECT_FALSE(arena->try_allocate());
  b = page_ref{};
  EXPECT_TRUE(arena->try_allocate());
}

TEST(PageArena, OutlivesItsOwnerWhileAPageIsOut) {
  auto arena = page_arena::make(plain_memory(4096), 4096);
  std::weak_ptr<page_arena> watch = arena;
  auto page = arena->try_allocate();
  arena.reset();
  page.writable()[0] = std::byte{7};
  EXPECT_FALSE(watch.expired());
  page = {};
  EXPECT_TRUE(watch.expired());
}

TEST(PageArena, HandlesMayBeCopiedAndDroppedInManyThreads) {
  auto arena = page_arena::make(plain_memory(64 * 4096), 4096);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        std::vector<page_ref> mine;
        for (int j = 0; j < 8; ++j)
          if (auto page = arena->try_allocate()) mine.push_back(page);
        auto copies = mine;
      }
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(arena->available(), 64u);
}

TEST(PageArena, TellsOnceWhenAPageComesBack) {
  auto arena = page_arena::make(plain_memory(2 * 8192), 8192);
  auto a = arena->try_allocate(), b = arena->try_allocate();
  int calls = 0;
  arena->when_free(arena->releases(), [&] { ++calls; });
  EXPECT_EQ(calls, 0);
  a = {};
  EXPECT_EQ(calls, 1);
  auto seen = arena->releases();
  b = {};
  EXPECT_EQ(calls, 1);
  arena->when_free(seen, [&] { ++calls; });
  EXPECT_EQ(calls, 2) << "one came back between the look and the call";
}

TEST(PageArena, RefusesImpossibleSizes) {
  EXPECT_THROW(page_arena::make(plain_memory(4096), 100), std::invalid_argument);
  EXPECT_THROW(page_arena::make(plain_memory(4096), 8192), std::invalid_argument);
}

}  // namespace
}  // namespace chromatin::kv
