#include "kv/page.hpp"

#include <thread>

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

TEST(PageArena, RefusesImpossibleSizes) {
  EXPECT_THROW(page_arena::make(plain_memory(4096), 100), std::invalid_argument);
  EXPECT_THROW(page_arena::make(plain_memory(4096), 8192), std::invalid_argument);
}

}  // namespace
}  // namespace chromatin::kv
