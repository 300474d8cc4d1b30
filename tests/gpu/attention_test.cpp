// The attention kernel of every instruction set against a plain float64 computation.

#include <bit>
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "gpu/cpu/kernels.hpp"
#include "kv/page.hpp"

namespace chromatin::gpu {
namespace {

struct shape {
  std::uint32_t head_dim, group, history, tokens;
};

std::ostream& operator<<(std::ostream& out, const shape& s) {
  return out << "head_dim " << s.head_dim << ", group " << s.group << ", history " << s.history << ", tokens "
             << s.tokens;
}

constexpr std::uint32_t whole = ~0u;

/// Random queries, and pages with random keys and values of one head in one layer; as float32, so that nothing is
/// rounded.
struct problem {
  problem(const shape& s, std::uint32_t seed, std::uint32_t rotary = whole)
      : of{s}, rotary_dim{rotary == whole ? s.head_dim : rotary}, random{seed} {
    auto positions = s.history + s.tokens;
    auto half = rotary_dim / 2;
    for (std::uint32_t p = 0; p < positions; ++p)
      for (std::uint32_t j = 0; j < half; ++j) {
        auto angle = p * std::pow(10000.0, -2.0 * j / rotary_dim);
        cosines.push_back(static_cast<float>(std::cos(angle)));
        sines.push_back(static_cast<float>(std::sin(angle)));
      }
    auto values = [&](std::size_t n) {
      std::vector<float> v(n);
      for (auto& x : v) x = normal(random);
      return v;
    };
    queries = values(std::size_t{s.tokens} * s.group * s.head_dim);
    for (std::uint32_t page = 0; page < kv::chunks_for(positions); ++page) {
      pages.push_back(values(2 * 64 * std::size_t{s.head_dim}));
      table.push_back(reinterpret_cast<std::byte*>(pages.back().data()));
    }
    scratch.resize(attention_scratch_floats(s.tokens * s.group, s.head_dim));
  }

  attention_args args() {
    return {.queries = queries.data(),
            .out = out.data(),
            .row_stride = std::size_t{of.group} * of.head_dim,
            .tokens = of.tokens,
            .first_position = of.history,
            .window = window,
            .group = of.group,
            .head_dim = of.head_dim,
            .pages = table.data(),
            .keys_offset = 0,
            .values_offset = 64 * std::size_t{of.head_dim} * sizeof(float),
            .bf16 = false,
            .cosines = cosines.data(),
            .sines = sines.data(),
            .rotary_dim = rotary_dim,
            .soft_cap = soft_cap,
            .scratch = scratch.data(),
            .fixed_order = fixed_order,
            .keys_rotated = false};
  }

  double key(std::uint32_t position, std::uint32_t j) const {
    const float* k = pages[position / 64].data() + (position % 64) * of.head_dim;
    if (j >= rotary_dim) return k[j];
    auto half = rotary_dim / 2;
    double c = cosines[position * half + j % half], s = sines[position * half + j % half];
    return j < half ? k[j] * c - k[j + half] * s : k[j] * c + k[j - half] * s;
  }
  double value(std::uint32_t position, std::uint32_t j) const {
    return pages[position / 64][64 * std::size_t{of.head_dim} + (position % 64) * of.head_dim + j];
  }

  /// One row's result, the plain way.
  std::vector<double> expected(std::uint32_t token, std::uint32_t head) const {
    const float* q = queries.data() + (token * of.group + head) * of.head_dim;
    auto visible = of.history + token + 1;
    std::vector<double> weights(visible), result(of.head_dim);
    double top = -1e300, sum = 0;
    auto first = window > 0 && visible > window ? visible - window : 0;
    for (auto p = first; p < visible; ++p) {
      for (std::uint32_t j = 0; j < of.head_dim; ++j) weights[p] += q[j] * key(p, j);
      if (soft_cap > 0) weights[p] = soft_cap * std::tanh(weights[p] / soft_cap);
      top = std::max(top, weights[p]);
    }
    for (auto p = first; p < visible; ++p) sum += weights[p] = std::exp(weights[p] - top);
    for (auto p = first; p < visible; ++p)
      for (std::uint32_t j = 0; j < of.head_dim; ++j) result[j] += weights[p] / sum * value(p, j);
    return result;
  }

  shape of;
  std::uint32_t rotary_dim, window = 0;
  float soft_cap = 0;
  bool fixed_order = false;
  std::mt19937 random;
  std::normal_distribution<float> normal{0, 0.5f};
  std::vector<float> queries, cosines, sines, scratch;
  std::vector<std::vector<float>> pages;
  std::vector<std::byte*> table;
  std::vector<float> out;
};

std::vector<const kernel_table*> tables() {
  std::vector<const kernel_table*> usable{&kernels_generic};
  if (__builtin_cpu_supports("x86-64-v3")) usable.push_back(&kernels_avx2);
  if (__builtin_cpu_supports("x86-64-v4")) usable.push_back(&kernels_avx512);
  if (__builtin_cpu_supports("avx512bf16")) usable.push_back(&kernels_avx512_bf16);
  return usable;
}

template <class Problem>
void expect_plain_result(Problem& p, const kernel_table& table, double tolerance) {
  p.out.assign(p.queries.size(), NAN);
  table.attention(p.args());
  for (std::uint32_t t = 0; t < p.of.tokens; ++t)
    for (std::uint32_t h = 0; h < p.of.group; ++h) {
      auto expected = p.expected(t, h);
      for (std::uint32_t j = 0; j < p.of.head_dim; ++j)
        ASSERT_NEAR(p.out[(t * p.of.group + h) * p.of.head_dim + j], expected[j], tolerance)
            << t << " " << h << " " << j;
    }
}

TEST(Attention, IsThePlainComputationForEveryShapeAndInstructionSet) {
  std::uint32_t seed = 1;
  for (shape s : {shape{64, 2, 0, 1},
                  {64, 2, 0, 64},
                  {64, 1, 63, 1},
                  {64, 8, 64, 5},
                  {64, 2, 300, 33},
                  {128, 1, 130, 17},
                  {32, 2, 7, 90},
                  {16, 4, 200, 3},
                  {96, 1, 65, 2},
                  {256, 8, 100, 4}})
    for (const auto* table : tables()) {
      std::stringstream what;
      what << s << ", " << table->name << ", seed " << ++seed;
      SCOPED_TRACE(what.str());
      problem p{s, seed};
      p.fixed_order = seed % 2 == 0;
      expect_plain_result(p, *table, 2e-5);
    }
}

/// As pages hold them when the model computes in bf16.
struct bf16_problem : problem {
  bf16_problem(const shape& s, std::uint32_t seed, std::uint32_t rotary = whole) : problem{s, seed, rotary} {
    for (auto& page : pages) {
      auto& narrow = narrow_pages.emplace_back(page.size());
      kernels_generic.to_bf16(page.data(), page.size(), narrow.data());
      for (std::size_t i = 0; i < page.size(); ++i) page[i] = std::bit_cast<float>(std::uint32_t{narrow[i]} << 16);
    }
    for (std::size_t i = 0; i < pages.size(); ++i) table[i] = reinterpret_cast<std::byte*>(narrow_pages[i].data());
  }
  attention_args args() {
    auto a = problem::args();
    a.bf16 = true;
    a.values_offset /= 2;
    return a;
  }
  std::vector<std::vector<std::uint16_t>> narrow_pages;
};

TEST(Attention, InBf16IsNearThePlainComputationOnTheSameKeysAndValues) {
  std::uint32_t seed = 100;
  for (shape s : {shape{64, 8, 0, 1},
                  {64, 2, 300, 33},
                  {64, 8, 1000, 16},
                  {128, 4, 130, 17},
                  {64, 1, 61, 9},
                  {64, 3, 64, 64},
                  {256, 8, 100, 4},
                  {32, 2, 7, 90}})
    for (const auto* table : tables()) {
      std::stringstream what;
      what << s << ", " << table->name << ", seed " << ++seed;
      SCOPED_TRACE(what.str());
      bf16_problem p{s, seed};
      // What unfilled slots hold must not matter.
      auto filled = (s.history + s.tokens) % 64;
      for (std::uint32_t t = filled ? filled : 64; t < 64; ++t)
        for (std::uint32_t j = 0; j < s.head_dim; ++j)
          p.narrow_pages.back()[t * s.head_dim + j] = p.narrow_pages.back()[(64 + t) * s.head_dim + j] = 0x7fc0;
      expect_plain_result(p, *table, 0.012);
    }
}

struct variety {
  shape of;
  std::uint32_t rotary_dim, window;
  float soft_cap;
};

/// Windows within a page, of a page, over several, wider than what is there; parts of a head that rotate, and none.
constexpr variety varieties[]{
    {{64, 2, 0, 64}, whole, 10, 0},    {{64, 2, 300, 33}, whole, 64, 0}, {{64, 8, 300, 1}, whole, 65, 0},
    {{64, 2, 190, 70}, whole, 130, 0}, {{64, 1, 200, 70}, whole, 1, 0},  {{64, 4, 63, 2}, whole, 1000, 0},
    {{64, 2, 100, 20}, 48, 0, 0},      {{64, 2, 100, 2}, 16, 0, 0},      {{128, 2, 100, 20}, 0, 0, 0},
    {{64, 2, 70, 12}, whole, 0, 1.5f}, {{256, 2, 100, 4}, 64, 90, 0.5f}, {{96, 1, 130, 30}, 72, 40, 0}};

template <class Problem>
void expect_varieties(double tolerance) {
  std::uint32_t seed = 500;
  for (const auto& v : varieties)
    for (const auto* table : tables()) {
      std::stringstream what;
      what << v.of << ", rotary " << v.rotary_dim << ", window " << v.window << ", cap " << v.soft_cap << ", "
           << table->name << ", seed " << ++seed;
      SCOPED_TRACE(what.str());
      Problem p{v.of, seed, v.rotary_dim};
      p.window = v.window;
      p.soft_cap = v.soft_cap;
      p.fixed_order = seed % 2 == 0;
      expect_plain_result(p, *table, tolerance);
    }
}

TEST(Attention, KnowsWindowsSoftCapsAndHeadsThatRotateInPart) { expect_varieties<problem>(3e-5); }

TEST(Attention, KnowsThemInBf16) { expect_varieties<bf16_problem>(0.025); }

TEST(Attention, SlotsBeyondTheLastTokenAreNeverRead) {
  for (const auto* table : tables()) {
    problem p{{64, 2, 70, 1}, 9};
    for (std::uint32_t t = 71; t < 128; ++t)
      for (std::uint32_t j = 0; j < 64; ++j) p.pages[1][(t - 64) * 64 + j] = p.pages[1][4096 + (t - 64) * 64 + j] = NAN;
    p.out.assign(p.queries.size(), NAN);
    table->attention(p.args());
    for (auto value : p.out) ASSERT_FALSE(std::isnan(value)) << table->name;
  }
}

TEST(Kernels, RoundToNearestEvenAndNormAndSilu) {
  for (const auto* table : tables()) {
    SCOPED_TRACE(table->name);
    std::vector<float> x{1.0f, 1.00390625f, 1.01171875f, -2.5f};
    std::vector<std::uint16_t> rounded(4);
    table->to_bf16(x.data(), 4, rounded.data());
    EXPECT_EQ(rounded, (std::vector<std::uint16_t>{0x3f80, 0x3f80, 0x3f82, 0xc020}));
    std::vector<float> gate_up{0.5f, -3.0f, 100.0f, -100.0f, 2, 2, 2, 2}, out(4);
    table->silu_mul(gate_up.data(), 4, out.data(), nullptr);
    EXPECT_NEAR(out[0], 2 * 0.5 / (1 + std::exp(-0.5)), 1e-6);
    EXPECT_NEAR(out[1], 2 * -3.0 / (1 + std::exp(3.0)), 1e-6);
    EXPECT_NEAR(out[2], 200, 1e-4);
    EXPECT_NEAR(out[3], 0, 1e-6);
    table->gelu_mul(gate_up.data(), 4, out.data(), nullptr);
    EXPECT_NEAR(out[0], 2 * 0.3457140, 1e-6);
    EXPECT_NEAR(out[1], 2 * -0.0036373, 1e-6);
    EXPECT_NEAR(out[2], 200, 1e-4);
    EXPECT_NEAR(out[3], 0, 1e-6);
    std::vector<float> capped{-1000, -1, 0, 0.001f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1000};
    auto before = capped;
    table->soft_cap(capped.data(), capped.size(), 5);
    for (std::size_t i = 0; i < capped.size(); ++i) EXPECT_NEAR(capped[i], 5 * std::tanh(before[i] / 5.0), 2e-6);
    std::vector<float> row{3, 4}, gain{1, 2};
    table->rms_norm(row.data(), gain.data(), 0, 2, out.data(), nullptr);
    EXPECT_NEAR(out[0], 3 / std::sqrt(12.5), 1e-6);
    EXPECT_NEAR(out[1], 8 / std::sqrt(12.5), 1e-6);
  }
}

}  // namespace
}  // namespace chromatin::gpu
