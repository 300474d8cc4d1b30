// A file larger than a partition: its parts know which whole they are of.

#include <random>

#include <gtest/gtest.h>

#include "dna/partition/parts.hpp"

namespace chromatin::dna {
namespace {

byte_string bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  byte_string made(size);
  for (auto& byte : made) byte = static_cast<std::uint8_t>(random());
  return made;
}

TEST(Parts, FillTheirRoomsAndMakeUpTheWhole) {
  const auto whole = bytes(1000, 1);
  const std::vector<std::uint64_t> rooms{428, 328, 528, 1000};
  auto parts = cut(whole, false, rooms);
  ASSERT_EQ(parts.size(), 3U) << "the fourth is not needed";
  EXPECT_EQ(parts[1].content.size(), 300U);
  for (auto& one : parts) one = *decode_part(encode(one));
  std::swap(parts[0], parts[2]);
  EXPECT_EQ(join(parts).content, whole);
  EXPECT_TRUE(cut(whole, false, std::vector<std::uint64_t>{500, 400}).empty()) << "too little room";
}

TEST(Parts, OfDifferentWholesAreNotJoined) {
  const std::vector<std::uint64_t> rooms{428, 828};
  auto old = cut(bytes(1000, 1), false, rooms), now = cut(bytes(1000, 2), false, rooms);
  const auto mixed = join(std::vector{now[0], old[1]});
  EXPECT_FALSE(mixed.content);
  EXPECT_NE(mixed.reason.find("one is older"), std::string::npos) << mixed.reason;
  EXPECT_EQ(join(std::vector{now[0]}).reason, "part 2 of 2 was not read");
  now[1].content[3] ^= 1;
  EXPECT_FALSE(join(now).content);
}

TEST(Parts, KeepTheirSizesWhenTheFileChanges) {
  const std::vector<std::uint64_t> rooms{428, 628};
  const auto longer = cut(bytes(1200, 3), false, rooms, true);
  ASSERT_EQ(longer.size(), 2U);
  EXPECT_EQ(longer[0].content.size(), 400U);
  EXPECT_EQ(longer[1].content.size(), 800U) << "the last takes what is left";
  const auto shorter = cut(bytes(100, 3), false, rooms, true);
  ASSERT_EQ(shorter.size(), 2U);
  EXPECT_TRUE(shorter[1].content.empty());
  EXPECT_EQ(join(shorter).content, bytes(100, 3));
}

TEST(Parts, NamesTellTheirNumber) {
  const auto place = parse_part_name("d/a.part-1.tar" + std::string{".part-2-of-13"});
  ASSERT_TRUE(place);
  EXPECT_EQ(place->path, "d/a.part-1.tar");
  EXPECT_EQ(place->number, 2U);
  EXPECT_EQ(place->of, 13U);
  for (const auto* name :
       {"a", "a.part-2", "a.part-0-of-3", "a.part-4-of-3", ".part-1-of-2", "a.part-1-of-2.as-of-commit-1"})
    EXPECT_FALSE(parse_part_name(name)) << name;
  EXPECT_FALSE(decode_part(bytes(100, 1))) << "no part";
  EXPECT_FALSE(decode_part(bytes(10, 1)));
}

}  // namespace
}  // namespace chromatin::dna
