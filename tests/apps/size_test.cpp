#include "apps/flags/size.hpp"

#include <stdexcept>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin {
namespace {

TEST(Size, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("65536"), 65536u);
  EXPECT_EQ(parse_size("65536B"), 65536u);
  EXPECT_EQ(parse_size("64K"), 65536u);
  EXPECT_EQ(parse_size("64kb"), 65536u);
  EXPECT_EQ(parse_size("64MiB"), 64ull << 20);
  EXPECT_EQ(parse_size("64 MB"), 64ull << 20);
  EXPECT_EQ(parse_size("3g"), 3ull << 30);
  EXPECT_EQ(parse_size("1T"), 1ull << 40);
  EXPECT_EQ(parse_size("4096P"), 1ull << 62);
}

TEST(Size, MayHaveAFractionOfItsUnit) {
  EXPECT_EQ(parse_size("1.5G"), 3ull << 29);
  EXPECT_EQ(parse_size("0.25K"), 256u);
  EXPECT_EQ(parse_size("0.1K"), 102u);
  EXPECT_EQ(parse_size("2.0M"), 2ull << 20);
  EXPECT_EQ(parse_size("1.000000000000000000000000001G"), 1ull << 30);
}

TEST(Size, AnythingElseIsRefusedWithOneLine) {
  for (auto text : {"",    " ",    "G",   ".5G",  "1.G",  "1.5",     "1.5B",  "1,5G",  "1.5.1G", "+1G",
                    "1e9", "0x10", "64X", "64MM", "64iB", "64Mib/s", "64  M", "sixty", "nan",    "inf"})
    try {
      parse_size(text);
      ADD_FAILURE() << text;
    } catch (const std::invalid_argument& e) {
      EXPECT_THAT(e.what(), testing::AllOf(testing::HasSubstr(text), testing::HasSubstr("such as 65536, 64M or 1.5G"),
                                           testing::Not(testing::HasSubstr("\n"))));
    }
}

TEST(Size, NegativeAndEndlessOnesAreRefusedByWhatTheyAre) {
  auto reason = [](const char* text) -> std::string {
    try {
      parse_size(text);
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(reason("-5M"), testing::HasSubstr("is negative"));
  for (auto text : {"4097P", "18446744073709551616", "99999999999999999999999999999999G", "20000000T"})
    EXPECT_THAT(reason(text), testing::HasSubstr("is more than any machine has")) << text;
}

TEST(Size, IsWrittenInTheLargestUnitInWhichItIsWhole) {
  for (auto [bytes, text] : {std::pair{std::uint64_t{0}, "0"},
                             {1000, "1000"},
                             {65536, "64K"},
                             {1536u << 20, "1536M"},
                             {1u << 30, "1G"},
                             {std::uint64_t{1} << 62, "4096P"}}) {
    EXPECT_EQ(size_text(bytes), text);
    EXPECT_EQ(parse_size(text), bytes);
  }
}

}  // namespace
}  // namespace chromatin
