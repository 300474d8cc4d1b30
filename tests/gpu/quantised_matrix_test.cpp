// Products with block-quantised weights against the same weights as floats, in double precision.

#include <algorithm>
#include <bit>
#include <cmath>

#include <gtest/gtest.h>

#include "gpu/cpu/cpu_backend.hpp"
#include "gpu/cpu/packed_matrix.hpp"
#include "gpu/cpu/quant_layout.hpp"
#include "gpu/cpu/quant_packing.hpp"
#include "tests/gpu/quantised_weights.hpp"

namespace chromatin::gpu {
namespace {

using model::element;

std::uint16_t as_bf16(float value) { return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16); }

/// Rows of inputs that bf16 holds exactly, some of them far larger than the rest, with room for padding.
struct input_rows {
  std::vector<float> wide;
  std::vector<std::uint16_t> narrow;

  input_rows(std::uint32_t rows, std::uint32_t k, unsigned seed = 3) {
    std::mt19937 random{seed};
    std::normal_distribution<float> normal;
    auto room = std::size_t{std::max(padded_rows(rows), 16u)} * k;
    wide.resize(room);
    narrow.resize(room);
    for (std::size_t i = 0; i < std::size_t{rows} * k; ++i) {
      narrow[i] = as_bf16(normal(random) * (random() % 97 == 0 ? 50.0f : 1.0f));
      wide[i] = std::bit_cast<float>(std::uint32_t{narrow[i]} << 16);
    }
  }
  const void* as(bool bf16) const { return bf16 ? static_cast<const void*>(narrow.data()) : wide.data(); }
};

packed_matrix packed(const std::vector<const model::tensor*>& parts, matrix_options options) {
  packed_matrix m{parts, options};
  for (std::uint32_t piece = 0, pieces = m.begin_packing(parts); piece < pieces; ++piece) m.pack(piece);
  return m;
}

/// All products, with one thread that takes every piece.
std::vector<float> multiply(packed_matrix& by, const input_rows& x, std::uint32_t rows, bool bf16) {
  std::vector<float> y(std::size_t{padded_rows(rows)} * by.n(), -1);
  matrix_room room;
  auto pieces = by.prepare(rows);
  for (std::uint32_t p = 0; p < pieces; ++p) by.piece(p, x.as(bf16), y.data(), room);
  y.resize(std::size_t{rows} * by.n());
  return y;
}

/// The largest difference from the exact products, in parts of what their terms amount to.
double worst_error(const std::vector<const quantised_weights*>& weights, const input_rows& x, std::uint32_t rows,
                   const std::vector<float>& y) {
  double worst = 0;
  auto k = weights[0]->tensor.shape[1];
  std::size_t at = 0;
  for (std::uint32_t r = 0; r < rows; ++r)
    for (const auto* w : weights)
      for (std::size_t o = 0; o < w->tensor.shape[0]; ++o) {
        double exact = 0, squares = 0;
        for (std::size_t i = 0; i < k; ++i) {
          auto term = double{w->values[o * k + i]} * double{x.wide[r * k + i]};
          exact += term;
          squares += term * term;
        }
        worst = std::max(worst, std::abs(exact - double{y[at++]}) / std::sqrt(squares + 1e-30));
      }
  return worst;
}

/// A few rows, as in decode, are nearly exact; of more, weights are rounded to bf16.
double allowed(bool bf16, std::uint32_t rows) { return bf16 && rows > 24 ? 0.02 : 0.005; }

class QuantisedMatrix : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && best_compute_type() != kv::dtype::bf16) GTEST_SKIP() << "this processor does not multiply bf16";
  }
};

TEST_P(QuantisedMatrix, EveryKindMultipliesAsItsFloatsDo) {
  for (auto kind : quantised_kinds) {
    SCOPED_TRACE(std::string{model::layout_of(kind).name});
    quantised_weights w{kind, 200, 512};
    auto m = packed({&w.tensor}, {.bf16 = GetParam(), .threads = 2});
    for (std::uint32_t rows : {1u, 2u, 3u, 4u, 7u, 40u}) {
      input_rows x{rows, 512};
      EXPECT_LT(worst_error({&w}, x, rows, multiply(m, x, rows, GetParam())), allowed(GetParam(), rows)) << rows;
    }
  }
}

TEST_P(QuantisedMatrix, RowsMayEndWithinAChunk) {
  for (auto kind : {element::q8_0, element::q4_0, element::q5_1, element::iq4_nl}) {
    SCOPED_TRACE(std::string{model::layout_of(kind).name});
    quantised_weights w{kind, 24, 352};
    auto m = packed({&w.tensor}, {.bf16 = GetParam()});
    for (std::uint32_t rows : {1u, 33u}) {
      input_rows x{rows, 352};
      EXPECT_LT(worst_error({&w}, x, rows, multiply(m, x, rows, GetParam())), allowed(GetParam(), rows)) << rows;
    }
  }
}

TEST_P(QuantisedMatrix, LongRowsAndABlockThatIsNotFull) {
  constexpr std::uint32_t k = 2 * 2048 + 96, outputs = 100;  // neither whole chunks nor whole blocks
  for (auto kind : {element::q8_0, element::bf16}) {
    quantised_weights w{element::q8_0, outputs, k};
    std::vector<std::uint16_t> narrow(w.values.size());
    std::ranges::transform(w.values, narrow.begin(), as_bf16);
    model::tensor floats{{outputs, k}, element::bf16, std::as_bytes(std::span{narrow}), "BF16"};
    auto m = packed({kind == element::bf16 ? &floats : &w.tensor}, {.bf16 = GetParam(), .threads = 2});
    for (std::uint32_t rows : {1u, 50u, 70u}) {
      input_rows x{rows, k};
      EXPECT_LT(worst_error({&w}, x, rows, multiply(m, x, rows, GetParam())), 0.02) << rows;
    }
  }
}

TEST_P(QuantisedMatrix, PartsOfSeveralKindsStandSideBySide) {
  quantised_weights q{element::q4_k, 192, 256, 1}, k{element::q4_k, 40, 256, 2}, v{element::q6_k, 40, 256, 3};
  auto m = packed({&q.tensor, &k.tensor, &v.tensor}, {.bf16 = GetParam(), .threads = 2});
  EXPECT_EQ(m.n(), 272u);
  for (std::uint32_t rows : {1u, 5u, 50u}) {
    input_rows x{rows, 256};
    EXPECT_LT(worst_error({&q, &k, &v}, x, rows, multiply(m, x, rows, GetParam())), allowed(GetParam(), rows)) << rows;
  }
}

TEST_P(QuantisedMatrix, FloatsStandBesideQuantisedParts) {
  quantised_weights q{element::q4_k, 100, 256, 1}, v{element::q8_0, 64, 256, 3};
  model::tensor floats{{100, 256}, element::f32, std::as_bytes(std::span{q.values}), "F32"};
  auto m = packed({&floats, &v.tensor}, {.bf16 = GetParam(), .threads = 2});
  for (std::uint32_t rows : {1u, 50u, 200u}) {
    input_rows x{rows, 256};
    EXPECT_LT(worst_error({&q, &v}, x, rows, multiply(m, x, rows, GetParam())), 0.02) << rows;
  }
}

TEST_P(QuantisedMatrix, FloatsThatArePackedInSeveralPiecesStandInTheirPlaces) {
  constexpr std::uint32_t k = 1024, first = 500, second = 420;
  quantised_weights a{element::q8_0, first, k, 1}, b{element::q8_0, second, k, 2};
  std::vector<std::uint16_t> narrow(b.values.size());
  std::ranges::transform(b.values, narrow.begin(), as_bf16);
  model::tensor wide{{first, k}, element::f32, std::as_bytes(std::span{a.values}), "F32"};
  model::tensor half{{second, k}, element::bf16, std::as_bytes(std::span{narrow}), "BF16"};
  auto check = [](packed_matrix m, const std::vector<const quantised_weights*>& weights, double allowed_error) {
    for (std::uint32_t rows : {1u, 70u}) {
      input_rows x{rows, k};
      EXPECT_LT(worst_error(weights, x, rows, multiply(m, x, rows, GetParam())), allowed_error) << rows;
    }
  };
  check(packed({&wide, &half}, {.bf16 = GetParam(), .threads = 2}), {&a, &b}, 0.02);
  check(packed({&half, &half, &half}, {.bf16 = GetParam(), .threads = 2}), {&b, &b, &b}, 0.02);
  check(packed({&half, &wide}, {.bf16 = GetParam(), .weights = model::weight_kind::int8, .threads = 2}), {&b, &a}, 0.2);
}

TEST_P(QuantisedMatrix, InFixedOrderARowDoesNotDependOnOthers) {
  quantised_weights w{element::q6_k, 80, 512};
  auto m = packed({&w.tensor}, {.bf16 = GetParam(), .fixed_order = true});
  input_rows x{37, 512};
  auto all = multiply(m, x, 37, GetParam());
  for (std::uint32_t rows : {1u, 6u, 20u}) {
    auto some = multiply(m, x, rows, GetParam());
    EXPECT_EQ(some, std::vector(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(some.size()))) << rows;
  }
}

TEST_P(QuantisedMatrix, AProductOfOtherInputsReadsThem) {
  quantised_weights w{element::q4_k, 64, 256};
  auto m = packed({&w.tensor}, {.bf16 = GetParam()});
  matrix_room room;
  for (unsigned seed : {1u, 2u}) {
    input_rows x{1, 256, seed};
    std::vector<float> y(64);
    ASSERT_EQ(m.prepare(1), 1u);
    m.piece(0, x.as(GetParam()), y.data(), room);
    EXPECT_LT(worst_error({&w}, x, 1, y), 0.005) << seed;
  }
}

TEST_P(QuantisedMatrix, ItTakesHardlyMoreBytesThanTheFile) {
  for (auto kind : quantised_kinds) {
    quantised_weights w{kind, 256, 1024};
    auto m = packed({&w.tensor}, {.bf16 = GetParam()});
    EXPECT_LT(static_cast<double>(m.bytes()), 1.03 * static_cast<double>(w.bytes.size())) << static_cast<int>(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(Types, QuantisedMatrix, testing::Bool(),
                         [](const auto& type) { return type.param ? "bf16" : "f32"; });

/// A strip by every table that this processor runs.
TEST(QuantKernels, EveryInstructionSetComputesTheSame) {
  std::vector<quant_kernel_table> tables{quant_kernels_generic};
  if (__builtin_cpu_supports("x86-64-v3")) tables.push_back(quant_kernels_avx2);
  if (__builtin_cpu_supports("x86-64-v4")) tables.push_back(quant_kernels_avx512);
  tables.push_back(quant_kernels());
  constexpr std::uint32_t k = 512, rows = 5, stride = k / chunk_inputs;
  input_rows x{rows, k};
  for (auto kind : quantised_kinds) {
    SCOPED_TRACE(std::string{model::layout_of(kind).name});
    quantised_weights w{kind, strip_outputs, k};
    std::vector<const std::byte*> row_starts;
    for (std::uint32_t r = 0; r < strip_outputs; ++r) row_starts.push_back(w.tensor.row(r).bytes.data());
    std::vector<std::byte> packed(strip_bytes(model::layout_of(kind), k));
    pack_strip(kind, row_starts, k, packed.data());
    quant_strip strip{kind, packed.data(), k};
    for (const auto& table : tables) {
      SCOPED_TRACE(table.name);
      std::vector<quant_inputs> read(rows * stride), narrow(rows * stride);
      for (std::uint32_t r = 0; r < rows; ++r) {
        table.read_f32(x.wide.data() + r * k, k, read.data() + r * stride);
        table.read_bf16(x.narrow.data() + r * k, k, narrow.data() + r * stride);
      }
      std::vector<float> sums(rows * strip_outputs), same(rows * strip_outputs), unpacked(k * 64);
      table.dot(strip, 1, read.data(), stride, rows, sums.data());
      table.dot(strip, 1, narrow.data(), stride, rows, same.data());
      EXPECT_EQ(sums, same);
      EXPECT_LT(worst_error({&w}, x, rows, sums), 0.005);
      table.unpack_f32(strip, unpacked.data());
      std::vector<std::uint16_t> pairs(k * 64);
      table.unpack_bf16(strip, pairs.data());
      for (std::uint32_t i = 0; i < k; ++i)
        for (std::uint32_t o = 0; o < strip_outputs; ++o) {
          auto value = w.values[o * k + i];
          ASSERT_NEAR(unpacked[i * 64 + o], value, 1e-5 * std::abs(value) + 1e-6);
          auto bf16 = std::bit_cast<float>(std::uint32_t{pairs[(i / 2 * 64 + o) * 2 + i % 2]} << 16);
          ASSERT_NEAR(bf16, value, 0x1p-8 * std::abs(value) + 1e-6);
        }
    }
  }
}

TEST(QuantKernels, WhatIsNotFiniteShows) {
  for (float bad : {std::nanf(""), INFINITY}) {
    quantised_weights w{element::q8_0, strip_outputs, 256};
    auto m = packed({&w.tensor}, {.bf16 = false});
    input_rows x{1, 256};
    x.wide[77] = bad;
    for (auto y : multiply(m, x, 1, false)) EXPECT_FALSE(std::isfinite(y));
  }
}

}  // namespace
}  // namespace chromatin::gpu
