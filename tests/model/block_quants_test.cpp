#include "model/block_quants.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/half.hpp"
#include "model/weights.hpp"

namespace chromatin::model {
namespace {

/// What python3-gguf's `gguf.quants.dequantize` makes of two blocks of pseudo-random bytes: the first and last four
/// values, and the sum of all, each times its number from 1.
struct known_blocks {
  element type;
  std::vector<std::size_t> halves;  ///< where a block has half-precision numbers
  std::vector<float> first, last;
  double weighted_sum;
};

const std::vector<known_blocks> known_layouts{{element::q8_0,
                                               {0},
                                               {-8.72814941f, -5.22314453f, 0.824707031f, 6.46020508f},
                                               {-4.74554443f, -1.61169434f, 0.179077148f, 0.62677002f},
                                               1664.9232788085938},
                                              {element::q4_0,
                                               {0},
                                               {-0.481079102f, -0.274902344f, 0.274902344f, 0.412353516f},
                                               {-0.268615723f, 0.62677002f, -0.179077148f, 0.0f},
                                               -229.509033203125},
                                              {element::q4_1,
                                               {0, 2},
                                               {1.0769043f, 1.21435547f, 0.664550781f, 1.21435547f},
                                               {0.962219238f, 1.67852783f, 1.58898926f, 1.32037354f},
                                               2043.9810180664062},
                                              {element::q5_0,
                                               {0},
                                               {0.412353516f, -0.137451172f, -0.824707031f, -0.893432617f},
                                               {-0.0895385742f, 1.34307861f, 0.179077148f, -0.984924316f},
                                               -58.57354736328125},
                                              {element::q5_1,
                                               {0, 2},
                                               {0.527099609f, 0.458374023f, 1.35180664f, 2.17651367f},
                                               {1.23083496f, 1.94714355f, 0.962219238f, 0.514526367f},
                                               3497.4473876953125},
                                              {element::q4_k,
                                               {0, 2},
                                               {8.88769531f, 1.46533203f, 10.5371094f, 5.58886719f},
                                               {72.1959229f, 46.2297363f, 61.8094482f, 35.8432617f},
                                               1521195.3178100586},
                                              {element::q5_k,
                                               {0, 2},
                                               {4.76416016f, 24.5571289f, 2.29003906f, 2.29003906f},
                                               {43.3846436f, 90.1237793f, 27.8049316f, 136.862915f},
                                               5902480.921508789},
                                              {element::q6_k,
                                               {208},
                                               {-78.8969727f, 5.63549805f, 87.3502197f, 33.8129883f},
                                               {-151.409729f, -103.59613f, 151.409729f, -223.130127f},
                                               -377987.58239746094},
                                              {element::iq4_nl,
                                               {0},
                                               {-7.14746094f, -3.36755371f, 3.64245605f, 6.11657715f},
                                               {-3.1338501f, 10.1178589f, -1.96984863f, 0.0895385742f},
                                               -2966.813720703125}};

std::vector<std::byte> two_blocks(const known_blocks& of) {
  std::uint32_t state = 1;
  std::vector<std::byte> bytes;
  for (std::uint32_t block = 0; block < 2; ++block) {
    auto begin = bytes.size();
    for (std::uint32_t i = 0; i < layout_of(of.type).block_bytes; ++i) {
      state = state * 1664525 + 1013904223;
      bytes.push_back(static_cast<std::byte>(state >> 24));
    }
    for (std::size_t i = 0; i < of.halves.size(); ++i) {
      auto half = 0x2c66u + 0x155u * block + 0x7a3u * static_cast<std::uint32_t>(i);
      bytes[begin + of.halves[i]] = static_cast<std::byte>(half);
      bytes[begin + of.halves[i] + 1] = static_cast<std::byte>(half >> 8);
    }
  }
  return bytes;
}

TEST(BlockQuants, ValuesAreThoseOfGgufsOwnReader) {
  for (const auto& k : known_layouts) {
    SCOPED_TRACE(std::string{layout_of(k.type).name});
    auto bytes = two_blocks(k);
    std::vector<float> values(2 * layout_of(k.type).block_values);
    blocks_to_f32(k.type, bytes, values);
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += static_cast<double>(values[i]) * static_cast<double>(i + 1);
    EXPECT_DOUBLE_EQ(sum, k.weighted_sum);
    EXPECT_EQ(std::vector(values.begin(), values.begin() + 4), k.first);
    EXPECT_EQ(std::vector(values.end() - 4, values.end()), k.last);
  }
}

TEST(BlockQuants, ARowOfAMatrixIsReadAlone) {
  auto bytes = two_blocks(known_layouts[5]);
  tensor t{{2, 256}, element::q4_k, bytes, "Q4_K"};
  std::vector<float> all(512), second(256);
  to_f32(t, all);
  to_f32(t.row(1), second);
  EXPECT_EQ(second, std::vector(all.begin() + 256, all.end()));
}

TEST(BlockQuants, ARowIsWholeBlocksOrDoesNotFit) {
  EXPECT_TRUE(fits_row(element::q4_k, 512));
  EXPECT_FALSE(fits_row(element::q4_k, 288));
  EXPECT_TRUE(fits_row(element::q8_0, 288));
  EXPECT_TRUE(fits_row(element::bf16, 289));
  EXPECT_EQ(row_bytes(element::q6_k, 512), 420u);
  EXPECT_EQ(row_bytes(element::f32, 5), 20u);
}

TEST(BlockQuants, EveryHalfComesBackFromItsFloat) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    auto half = static_cast<std::uint16_t>(bits);
    auto value = f16_to_f32(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(f32_to_f16(value), half) << bits;
  }
}

TEST(BlockQuants, HalvesAreRoundedToTheNearestAndToEven) {
  EXPECT_EQ(f16_to_f32(f32_to_f16(1 + 0x1p-11f)), 1.0f);            // halfway, 1 is even
  EXPECT_EQ(f16_to_f32(f32_to_f16(1 + 0x3p-11f)), 1 + 0x1p-9f);     // halfway, up to even
  EXPECT_EQ(f16_to_f32(f32_to_f16(1 + 0x1.1p-11f)), 1 + 0x1p-10f);  // just above
  EXPECT_EQ(f16_to_f32(f32_to_f16(0x1.8p-24f)), 0x1p-23f);          // subnormal, halfway
  EXPECT_EQ(f16_to_f32(f32_to_f16(-65519.0f)), -65504.0f);
  EXPECT_EQ(f16_to_f32(f32_to_f16(65520.0f)), std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace chromatin::model
