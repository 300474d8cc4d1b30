// The attention kernels, emulated and on a device, against a plain computation in double.

#include <gtest/gtest.h>

#include "tests/gpu/cuda/attention_problem.hpp"

namespace chromatin::gpu::cuda {
namespace {

using bits = std::vector<std::uint16_t>;

class AttentionKernels : public on_each_runtime {
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

CHROMATIN_ON_EACH_RUNTIME(AttentionKernels);

}  // namespace
}  // namespace chromatin::gpu::cuda
