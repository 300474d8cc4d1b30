// Patches as bytes: those of small partitions are as they always were, and a leaf far back is named in full.

#include <gtest/gtest.h>

#include "dna/partition/patch.hpp"

namespace chromatin::dna {
namespace {

TEST(Patch, OfASmallPartitionIsAsItAlwaysWas) {
  const patch change{5, 2, {7, 8}, 0x1ffe, true};
  EXPECT_EQ(encode(change), (byte_string{5, 0, 2, 0, 0xfe, 0xdf, 7, 8}));
  EXPECT_EQ(decode_patch(encode(change)), change);
  const patch plain{5, 2, {7, 8}, {}, false};
  EXPECT_EQ(encode(plain), (byte_string{5, 0, 2, 0, 0, 0, 7, 8}));
  EXPECT_EQ(decode_patch(encode(plain)), plain);
}

TEST(Patch, NamesALeafFarBack) {
  for (const std::uint32_t leaf : {8191U, 8192U, 40'000U, 65'535U}) {
    const patch change{300, 0, {1, 2, 3}, leaf, false};
    const auto bytes = encode(change);
    EXPECT_EQ(bytes.size(), 3 + (leaf > 8191 ? patch::header_bytes_max : patch::header_bytes));
    EXPECT_LE(bytes.size(), 3 + patch::header_bytes_of(65'536));
    EXPECT_EQ(decode_patch(bytes), change) << leaf;
    EXPECT_FALSE(decode_patch(std::span{bytes}.first(5)));
  }
  EXPECT_EQ(patch::header_bytes_of(4096), patch::header_bytes);
}

}  // namespace
}  // namespace chromatin::dna
