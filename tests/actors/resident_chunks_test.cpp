// The device's index, policy and arena stay in step.

#include "actors/resident_chunks.hpp"

#include <gtest/gtest.h>

#include "kv/policy/policies.hpp"

namespace chromatin::test {
namespace {

constexpr std::size_t page_bytes = 4096;

struct ResidentChunks : testing::Test {
  kv::chunk_key key(std::uint64_t n) { return {n, 0}; }
  kv::link link(std::uint64_t n) { return {.key = key(n), .fill = kv::tokens_per_chunk}; }
  void insert(std::uint64_t n) {
    auto pages = chunks.take_pages(1, 0, [] {});
    chunks.insert({link(n), 0, pages->front(), nullptr});
    chunks.policy().safe_below(key(n), true);
  }
  std::uint32_t found(std::uint64_t n) { return chunks.find_run({.whole = {link(n)}, .tail = {}}).length; }

  std::shared_ptr<kv::page_arena> arena = kv::page_arena::make(kv::plain_memory(2 * page_bytes), page_bytes);
  key_list dropped;
  resident_chunks chunks{arena, kv::make_policy(kv::usual_policy),
                         [this](const resident_chunks::entry& e) { dropped.push_back(e.link.key); }};
};

TEST_F(ResidentChunks, AChunkThatIsErasedWhileItIsUsedIsNotFoundAnyMoreAndGoesWithItsLastUser) {
  insert(1);
  for (int user = 0; user < 2; ++user) chunks.pin(key(1));
  chunks.doom(key(1));
  EXPECT_EQ(found(1), 0u);
  chunks.unpin({key(1)});
  EXPECT_TRUE(dropped.empty()) << "somebody still uses it";
  chunks.unpin({key(1)});
  EXPECT_EQ(dropped, key_list{key(1)});
  EXPECT_EQ(arena->available(), 2u);
}

TEST_F(ResidentChunks, AChunkThatNobodyUsesIsErasedAtOnce) {
  insert(1);
  EXPECT_EQ(found(1), 1u);
  chunks.doom(key(1));
  EXPECT_EQ(dropped, key_list{key(1)});
  chunks.doom(key(1));  // nothing of that name
}

TEST_F(ResidentChunks, WhatIsUsedStaysWhenRoomIsNeeded) {
  insert(1);
  insert(2);
  chunks.pin(key(1));
  EXPECT_FALSE(chunks.take_pages(2, 0, [] {}));
  EXPECT_TRUE(chunks.take_pages(1, 0, [] {}));
  EXPECT_EQ(dropped, key_list{key(2)});
}

}  // namespace
}  // namespace chromatin::test
