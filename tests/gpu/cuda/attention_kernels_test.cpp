// The attention kernels, emulated and on a device, against a plain computation in double.

#include <gtest/gtest.h>

#include "tests/gpu/cuda/attention_problem.hpp"

namespace chromatin::gpu::cuda {
namespace {

using bits = std::vector<std::uint16_t>;

class AttentionKernels : public on_a_device {
 protected:
  std::uint32_t prefill_rows() const { return device->kernels().prefill_rows; }
};

/// Queries, keys and weights are rounded to bf16 on their way, and the result is.
constexpr double tolerance = 0.03;

void expect_near(const attention_problem& p, const std::vector<attention_piece>& pieces, const bits& out) {
  std::size_t width = p.of.heads * p.of.head_dim, wrong = 0;
  for (const auto& piece : pieces)
    for (auto row = piece.first; row < piece.first + piece.rows; ++row) {
      auto expected = p.expected(piece.sequence, row);
      const auto* got = out.data() + (p.sequences[piece.sequence].first_row + row) * width;
      for (std::size_t i = 0; i < width; ++i) {
        if (std::abs(widened(got[i]) - expected[i]) <= tolerance || wrong++ > 3) continue;
        ADD_FAILURE() << p.of << ": sequence " << piece.sequence << ", row " << row << ", head " << i / p.of.head_dim
                      << ", dimension " << i % p.of.head_dim << ": " << widened(got[i]) << ", not " << expected[i];
      }
    }
  EXPECT_EQ(wrong, 0u);
}

const attention_case cases[] = {
    {64, 1, 1, {{0, 1}}},
    {64, 1, 1, {{0, 63}, {1, 64}, {63, 65}}},
    {128, 1, 1, {{64, 127}, {100, 1}, {700, 3}}},
    {128, 4, 1, {{0, 65}, {100, 63}}},
    {128, 8, 2, {{63, 2}, {64, 1}}},
    {64, 7, 1, {{1, 100}}},
    {16, 4, 4, {{0, 200}, {1, 1}}},
    {32, 8, 1, {{700, 30}}},
    {80, 2, 2, {{63, 70}}},
    {96, 3, 1, {{130, 5}}},
    {256, 1, 1, {{50, 40}}},
    {256, 2, 1, {{0, 129}}},
};

TEST_P(AttentionKernels, PrefillIsWhatDoublesGive) {
  for (const auto& c : cases) {
    attention_problem p{c};
    auto pieces = p.pieces_of(prefill_rows());
    expect_near(p, pieces, attention_on_device{device, p}.prefill(pieces));
  }
}

TEST_P(AttentionKernels, DecodeIsWhatDoublesGive) {
  for (const auto& c : cases) {
    attention_problem p{c};
    std::vector<attention_piece> pieces;
    for (const auto& piece : p.pieces_of(1))
      if (piece.first % 9 == 0 || piece.first + 1 == p.sequences[piece.sequence].rows) pieces.push_back(piece);
    expect_near(p, pieces, attention_on_device{device, p}.decode(pieces));
  }
}

TEST_P(AttentionKernels, DecodeOverManyParts) {
  attention_problem p{{128, 4, 2, {{255, 2}, {1023, 1}, {2 * split_tokens_most + 70, 1}, {5000, 1}, {3, 1}}}};
  auto pieces = p.pieces_of(1);
  expect_near(p, pieces, attention_on_device{device, p}.decode(pieces));
}

/// Rows with many keys have larger parts than others of their batch.
TEST_P(AttentionKernels, DecodeOverPartsOfBothSizes) {
  attention_problem p{{64, 64, 64, {{1023, 2}, {1600, 1}, {300, 1}}}};
  ASSERT_EQ(split_tokens(1024, 64), split_tokens_least);
  ASSERT_EQ(split_tokens(1025, 64), split_tokens_most);
  auto pieces = p.pieces_of(1);
  expect_near(p, pieces, attention_on_device{device, p}.decode(pieces));
}

TEST_P(AttentionKernels, PrefillOfAThousandTokens) {
  attention_problem p{{64, 2, 1, {{0, 1000}}}};
  std::vector<attention_piece> looked_at{{0, 0, 2}, {0, 255, 2}, {0, 511, 3}, {0, 998, 2}};
  expect_near(p, looked_at, attention_on_device{device, p}.prefill(p.pieces_of(prefill_rows())));
}

/// More heads share keys than a decode takes at a time.
TEST_P(AttentionKernels, DecodeOfALargeGroup) {
  attention_problem p{{64, 20, 1, {{70, 2}, {600, 1}}}};
  auto pieces = p.pieces_of(1);
  expect_near(p, pieces, attention_on_device{device, p}.decode(pieces));
}

TEST_P(AttentionKernels, RowsDoNotDependOnTheCutIntoPieces) {
  attention_problem p{{128, 2, 1, {{100, 150}}}};
  attention_on_device there{device, p};
  auto whole = there.prefill(p.pieces_of(prefill_rows()));
  for (std::uint32_t rows : {1, 31, 64, 100}) EXPECT_EQ(there.prefill(p.pieces_of(rows)), whole) << rows;
}

TEST_P(AttentionKernels, RowsDoNotDependOnTheRestOfTheBatch) {
  attention_problem p{{64, 4, 1, {{100, 40}, {600, 33}, {0, 64}}}};
  attention_on_device there{device, p};
  auto merge = [&](auto kernel, std::uint32_t rows_max) {
    bits together((there.*kernel)(p.pieces_of(rows_max))), alone(p.out_values(), attention_problem::garbage);
    for (const auto& piece : p.pieces_of(rows_max)) {
      auto one = (there.*kernel)({piece});
      for (std::size_t i = 0; i < one.size(); ++i)
        if (one[i] != attention_problem::garbage) alone[i] = one[i];
    }
    EXPECT_EQ(together, alone);
  };
  merge(&attention_on_device::prefill, prefill_rows());
  merge(&attention_on_device::decode, 1);
}

/// A step may have rows whose sequence left it: nobody writes their results.
TEST_P(AttentionKernels, RowsWithoutAPieceStayAsTheyAre) {
  attention_problem p{{64, 2, 1, {{10, 4}, {20, 3}}}};
  attention_on_device there{device, p};
  auto width = p.of.heads * p.of.head_dim;
  for (const auto& out : {there.prefill({{1, 0, 3}}), there.decode({{1, 0, 1}, {1, 1, 1}, {1, 2, 1}})}) {
    EXPECT_EQ(bits(out.begin(), out.begin() + 4 * width), bits(4 * width, attention_problem::garbage));
    expect_near(p, {{1, 0, 3}}, out);
  }
}

TEST_P(AttentionKernels, PrefillAndDecodeAgree) {
  attention_problem p{{128, 4, 1, {{62, 5}, {510, 4}}}};
  attention_on_device there{device, p};
  auto prefill = there.prefill(p.pieces_of(prefill_rows())), decode = there.decode(p.pieces_of(1));
  for (std::size_t i = 0; i < prefill.size(); ++i) ASSERT_NEAR(widened(prefill[i]), widened(decode[i]), tolerance) << i;
}

TEST_P(AttentionKernels, RotatedKeysAreTakenAsTheyAre) {
  for (std::uint32_t head_dim : {64, 80, 128}) {
    attention_problem p{{head_dim, 2, 1, {{70, 20}, {515, 2}}}};
    p.rotate_keys();
    attention_on_device there{device, p};
    expect_near(p, p.pieces_of(1), there.prefill(p.pieces_of(prefill_rows())));
    expect_near(p, p.pieces_of(1), there.decode(p.pieces_of(1)));
  }
}

TEST_P(AttentionKernels, KeysRotatedBeforeGiveTheSameRows) {
  for (const auto& c :
       {attention_case{64, 2, 1, {{100, 150}, {0, 30}, {129, 2}}}, attention_case{128, 1, 1, {{63, 66}}},
        attention_case{80, 2, 2, {{70, 90}}}, attention_case{128, 2, 2, {{0, 65}, {0, 1}}},
        attention_case{64, 1, 1, {{prefill_part_tokens - 2, 4}, {64, 64}}}}) {
    attention_problem p{c};
    attention_on_device there{device, p};
    auto pieces = p.pieces_of(prefill_rows());
    EXPECT_EQ(there.prefill_rotated_before(pieces), there.prefill(pieces)) << c;
  }
}

TEST_P(AttentionKernels, PrefillOverManyParts) {
  attention_problem p{{64, 2, 1, {{2 * prefill_part_tokens + 10, 3}, {prefill_part_tokens - 2, 4}, {5, 2}}}};
  auto pieces = p.pieces_of(prefill_rows());
  ASSERT_TRUE(prefill_splits(pieces.size(), p.context_max(), p.of.heads));
  expect_near(p, pieces, attention_on_device{device, p}.prefill(pieces));
}

/// Many pieces, hence many blocks, which then go through all parts of their keys themselves.
TEST_P(AttentionKernels, RowsDoNotDependOnWhetherPartsHaveTheirOwnBlocks) {
  for (std::uint32_t head_dim : {16, 64, 128, 256}) {
    attention_problem p{{head_dim, 1, 1, {{prefill_part_tokens - 2, 4}, {2 * prefill_part_tokens - 1, 2}}}};
    attention_on_device there{device, p};
    auto pieces = p.pieces_of(prefill_rows()), many = pieces;
    while (prefill_splits(many.size(), p.context_max(), p.of.heads)) many.push_back({0, 0, 0});
    auto split = there.prefill(pieces);
    EXPECT_EQ(there.prefill(many), split) << head_dim;
    expect_near(p, pieces, split);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, AttentionKernels, testing::Values(on_a_device::real_device, 1), on_a_device::name);

/// The order of warps and lanes, of blocks and of copies' arrivals are the seed's.
TEST(AttentionOrder, DoesNotMatter) {
  attention_problem p{{64, 2, 2, {{100, 30}, {520, 17}}}};
  auto pieces = p.pieces_of(256), rows = p.pieces_of(1);
  bits prefill, decode;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    attention_on_device there{make_emulated_device({.seed = seed, .own_thread = false}), p};
    auto a = there.prefill(pieces), b = there.decode(rows);
    if (seed == 1) {
      expect_near(p, pieces, prefill = a);
      expect_near(p, pieces, decode = b);
    }
    ASSERT_EQ(a, prefill) << "seed " << seed;
    ASSERT_EQ(b, decode) << "seed " << seed;
  }
}

}  // namespace
}  // namespace chromatin::gpu::cuda
