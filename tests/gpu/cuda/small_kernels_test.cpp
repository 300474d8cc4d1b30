#include <cstdint>
#include <limits>
#include <vector>

#include <xxhash.h>

#include "gpu/cpu/kernels.hpp"
#include "gpu/pack.hpp"
#include "kv/chunk.hpp"
#include "model/sampler.hpp"
#include "tests/gpu/cuda/device_fixture.hpp"

namespace chromatin::gpu::cuda {
namespace {

using SmallKernels = on_a_device;
CHROMATIN_ON_A_DEVICE(SmallKernels);

TEST_P(SmallKernels, EmbeddingsAreRowsOfTheTable) {
  for (std::uint32_t hidden : {16u, 256u, 4096u})
    for (std::uint32_t rows : {1u, 63u, 65u}) {
      constexpr std::uint32_t vocabulary = 50;
      auto table = random_bf16(vocabulary * hidden);
      std::vector<std::uint32_t> tokens(rows);
      for (auto& t : tokens) t = random() % vocabulary;
      tokens.front() = rows > 1 ? vocabulary : 0;
      tokens.back() = vocabulary + 7;
      auto out = room<float>(std::size_t{rows} * hidden);
      auto there = put(tokens);
      auto table_there = put(table);
      kernels().embed(queue, table_there, vocabulary, hidden, there, rows, out);
      std::vector<float> expected;
      for (auto t : tokens)
        for (std::uint32_t i = 0; i < hidden; ++i)
          expected.push_back(widen(table[std::min(t, vocabulary - 1) * hidden + i]));
      EXPECT_EQ(get(out), expected) << hidden << ' ' << rows;
    }
}

TEST_P(SmallKernels, RmsNormIsThatOfTheProcessor) {
  for (std::uint32_t hidden : {16u, 256u, 1000u, 4096u, 11008u})
    for (std::uint32_t rows : {1u, 64u}) {
      auto x = random_floats(std::size_t{rows} * hidden, 3.0f), gain = random_floats(hidden);
      for (std::uint32_t i = 0; i < hidden; ++i) x[i] *= 1e-3f;  // so small that eps counts
      auto x_there = put(x), gain_there = put(gain);
      auto out = room<std::uint16_t>(x.size());
      kernels().rms_norm(queue, x_there, gain_there, 1e-5f, hidden, nullptr, rows, out);
      std::vector<std::uint16_t> expected(x.size());
      for (std::size_t row = 0; row < rows; ++row)
        gpu::kernels().rms_norm(x.data() + row * hidden, gain.data(), 1e-5f, hidden, nullptr,
                                expected.data() + row * hidden);
      EXPECT_LE(steps_apart(get(out), expected), 1) << hidden << ' ' << rows;
    }
}

TEST_P(SmallKernels, RmsNormTakesTheRowsThatAreNamedAsIfTheyWereAlone) {
  constexpr std::uint32_t hidden = 512;
  auto x = put(random_floats(7 * hidden)), gain = put(random_floats(hidden));
  auto all = room<std::uint16_t>(7 * hidden), some = room<std::uint16_t>(2 * hidden);
  auto numbers = put(std::vector<std::uint32_t>{6, 2});
  kernels().rms_norm(queue, x, gain, 1e-5f, hidden, nullptr, 7, all);
  kernels().rms_norm(queue, x, gain, 1e-5f, hidden, numbers, 2, some);
  auto a = get(all), b = get(some);
  EXPECT_TRUE(std::equal(b.begin(), b.begin() + hidden, a.begin() + 6 * hidden));
  EXPECT_TRUE(std::equal(b.begin() + hidden, b.end(), a.begin() + 2 * hidden));
}

TEST_P(SmallKernels, SiluMulIsThatOfTheProcessor) {
  for (std::uint32_t ffn : {8u, 256u, 1000u, 11008u})
    for (std::uint32_t rows : {1u, 65u}) {
      auto gate_up = random_bf16(std::size_t{rows} * 2 * ffn, 4.0f);
      gate_up[0] = narrow(-200.0f);
      gate_up[1] = narrow(200.0f);
      std::vector<float> wide(gate_up.size());
      std::transform(gate_up.begin(), gate_up.end(), wide.begin(), widen);
      std::vector<std::uint16_t> expected(std::size_t{rows} * ffn);
      for (std::size_t row = 0; row < rows; ++row)
        gpu::kernels().silu_mul(wide.data() + row * 2 * ffn, ffn, nullptr, expected.data() + row * ffn);
      expected[0] = 0x8000;  // the processor's exponential ends at e^-87
      auto there = put(gate_up);
      auto out = room<std::uint16_t>(expected.size());
      kernels().silu_mul(queue, there, ffn, rows, out);
      auto result = get(out);
      EXPECT_EQ(widen(result[0]), 0.0f);
      result[0] = 0x8000;
      EXPECT_LE(steps_apart(result, expected), 1) << ffn << ' ' << rows;
    }
}

TEST_P(SmallKernels, TheFirstOfTheLargestLogitsIsTheSamplersChoice) {
  model::sampling greedy;
  greedy.temperature = 0;
  for (std::uint32_t vocabulary : {1u, 2u, 127u, 128u, 1000u, 32000u}) {
    constexpr std::uint32_t rows = 5;
    auto logits = random_floats(rows * vocabulary, 10.0f);
    auto row = [&](std::uint32_t r) { return std::span{logits}.subspan(r * vocabulary, vocabulary); };
    for (auto& v : row(1)) v = -3.0f - static_cast<float>(random() % 3);  // many of the same, all below zero
    for (auto& v : row(2)) v = random() % 2 ? 0.0f : -0.0f;
    row(3).back() = 1e30f;
    row(4).front() = 1e30f;
    auto there = put(logits);
    auto tokens = room<std::uint32_t>(rows), broken = room<std::uint32_t>(rows);
    kernels().argmax(queue, there, vocabulary, rows, tokens, broken);
    auto result = get(tokens);
    for (std::uint32_t r = 0; r < rows; ++r)
      EXPECT_EQ(result[r], model::sampler{greedy}.next(row(r))) << vocabulary << ' ' << r;
    EXPECT_EQ(get(broken), std::vector<std::uint32_t>(rows));
  }
}

TEST_P(SmallKernels, LogitsThatAreNotFiniteAreCounted) {
  constexpr std::uint32_t vocabulary = 5001;
  auto logits = random_floats(3 * vocabulary);
  logits[17] = std::numeric_limits<float>::quiet_NaN();
  logits[5000] = -std::numeric_limits<float>::infinity();
  for (std::uint32_t i = 0; i < vocabulary; ++i) logits[2 * vocabulary + i] = std::numeric_limits<float>::infinity();
  auto there = put(logits);
  auto tokens = room<std::uint32_t>(3), broken = room<std::uint32_t>(3);
  kernels().argmax(queue, there, vocabulary, 3, tokens, broken);
  EXPECT_EQ(get(broken), (std::vector<std::uint32_t>{2, 0, vocabulary}));
  EXPECT_LT(get(tokens)[2], vocabulary);
}

TEST_P(SmallKernels, ChecksumsAreThoseOfTheHost) {
  constexpr std::size_t piece_bytes = kv::slice_alignment_bytes;
  std::vector<std::uint32_t> sizes{1, 33, 2, 64};
  sizes.insert(sizes.end(), 64, 1);  // more than one launch takes
  std::vector<fixture_array<std::byte>> slices;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<checksum_view> views;
  std::uint32_t all = 0;
  for (auto pieces : sizes) {
    bytes.emplace_back(pieces * piece_bytes);
    for (auto& b : bytes.back()) b = static_cast<std::byte>(random());
    slices.push_back(put(bytes.back()));
    views.push_back({slices.back(), pieces, all});
    all += pieces;
  }
  auto sums = room<std::uint64_t>(all);
  kernels().checksum(queue, views.data(), static_cast<std::uint32_t>(views.size()), sums);
  auto result = get(sums);
  std::vector<std::uint64_t> expected;
  for (const auto& slice : bytes)
    for (std::size_t at = 0; at < slice.size(); at += piece_bytes)
      expected.push_back(XXH3_64bits(slice.data() + at, piece_bytes));
  EXPECT_EQ(result, expected);
  auto of_last = std::span{result}.last(sizes.back());
  EXPECT_EQ(XXH3_64bits(of_last.data(), of_last.size_bytes()), kv::checksum(bytes.back()));
}

TEST_P(SmallKernels, PackedSlicesAreThoseOfTheHostAndComeBack) {
  for (std::uint32_t head_dim : {16u, 64u, 128u})
    for (std::uint32_t tokens : {1u, 63u, 64u}) {
      kv::geometry shape{.layers = 2, .kv_heads = 3, .head_dim = head_dim};
      std::vector<std::byte> page(shape.chunk_bytes());
      for (auto& b : page) b = static_cast<std::byte>(random());
      auto head_bytes = static_cast<std::uint32_t>(shape.head_bytes());
      auto used = static_cast<std::uint32_t>(tokens * shape.token_bytes());
      auto slice = shape.slice(1);
      std::vector<std::byte> expected(shape.packed(1, tokens).bytes);
      gpu::pack(shape, 1, tokens, page, expected);
      auto there = put(page);
      auto packed = room<std::byte>(expected.size());
      kernels().pack(queue, there + slice.offset_bytes, 2 * shape.kv_heads, head_bytes, used, expected.size(), packed);
      EXPECT_EQ(get(packed), expected) << head_dim << ' ' << tokens;

      std::vector<std::byte> other(page.size(), std::byte{7}), came_back = other;
      gpu::unpack(shape, 1, tokens, expected, came_back);
      auto other_there = put(other);
      kernels().unpack(queue, packed, 2 * shape.kv_heads, head_bytes, used, other_there + slice.offset_bytes);
      EXPECT_EQ(get(other_there), came_back) << head_dim << ' ' << tokens;
    }
}

}  // namespace
}  // namespace chromatin::gpu::cuda
