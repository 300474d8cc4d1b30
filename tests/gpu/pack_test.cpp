#include <algorithm>

#include <gtest/gtest.h>

#include "tests/gpu/pages.hpp"

namespace chromatin::gpu {
namespace {

const std::vector<kv::geometry> shapes{small_shape,
                                       {.layers = 2, .kv_heads = 1, .head_dim = 64, .type = kv::dtype::f32},
                                       {.layers = 1, .kv_heads = 4, .head_dim = 128, .type = kv::dtype::bf16}};

/// Where a token's key (or value) in a head stands in a device page, said in other words than the code's.
std::size_t device_offset(const kv::geometry& g, std::uint32_t layer, bool value, std::uint32_t head,
                          std::uint32_t token) {
  auto element = g.type == kv::dtype::f32 ? 4u : 2u;
  return layer * g.slice_bytes() + (((value ? g.kv_heads : 0) + head) * 64 + token) * g.head_dim * element;
}

TEST(Pack, PutsTheFilledSlotsOneBehindTheOtherAndZerosBehindThem) {
  for (const auto& g : shapes)
    for (std::uint32_t tokens : {1u, 2u, 31u, 63u, 64u}) {
      SCOPED_TRACE(testing::Message() << g.head_dim << " " << tokens);
      page_pool pool{g};
      auto page = pool.random(tokens);
      for (std::uint32_t layer = 0; layer < g.layers; ++layer) {
        auto packed = packed_of(page, layer, tokens, g);
        std::size_t at = 0;
        for (bool value : {false, true})
          for (std::uint32_t head = 0; head < g.kv_heads; ++head)
            for (std::uint32_t token = 0; token < tokens; ++token, at += g.token_bytes()) {
              auto from = page.bytes().subspan(device_offset(g, layer, value, head, token), g.token_bytes());
              ASSERT_TRUE(std::ranges::equal(from, std::span{packed}.subspan(at, g.token_bytes())));
            }
        EXPECT_TRUE(std::ranges::all_of(std::span{packed}.subspan(at), [](auto b) { return b == std::byte{0}; }));
        EXPECT_EQ(packed.size() % 4096, 0u);
        EXPECT_LT(packed.size() - at, 4096u);
      }
    }
}

TEST(Pack, UnpackIsTheWayBackAndLeavesOtherSlotsAlone) {
  for (const auto& g : shapes)
    for (std::uint32_t tokens : {1u, 30u, 64u}) {
      page_pool pool{g};
      auto from = pool.random(1), to = pool.random(2);
      auto before = bytes_of(to);
      auto last = g.layers - 1;
      unpack(g, last, tokens, packed_of(from, last, tokens, g), to.writable());
      EXPECT_EQ(packed_of(to, last, tokens, g), packed_of(from, last, tokens, g));
      for (bool value : {false, true})
        for (std::uint32_t head = 0; head < g.kv_heads; ++head)
          for (auto token = 0u; token < 64; ++token) {
            auto at = device_offset(g, last, value, head, token);
            auto& source = token < tokens ? from : to;
            auto expected = token < tokens ? bytes_of(source) : before;
            ASSERT_EQ(to.bytes()[at], expected[at]) << head << " " << token;
            ASSERT_EQ(to.bytes()[at + g.token_bytes() - 1], expected[at + g.token_bytes() - 1]);
          }
      for (std::uint32_t layer = 0; layer < last; ++layer) {
        auto place = g.slice(layer);
        ASSERT_TRUE(std::ranges::equal(to.bytes().subspan(place.offset_bytes, place.bytes),
                                       std::span{before}.subspan(place.offset_bytes, place.bytes)));
      }
    }
}

TEST(PackDeathTest, SizesAreChecked) {
  page_pool pool;
  auto page = pool.random(1);
  std::vector<std::byte> wrong(small_shape.packed(0, 64).bytes - 4096);
  EXPECT_DEATH(pack(small_shape, 0, 64, page.bytes(), wrong), "size of its tokens");
  EXPECT_DEATH(copy_slots(small_shape, 0, 65, page.bytes(), page.writable()), "1 … 64 tokens");
  EXPECT_DEATH(copy_slots(small_shape, 3, 1, page.bytes(), page.writable()), "1 … 64 tokens");
}

}  // namespace
}  // namespace chromatin::gpu
