#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "tests/gpu/cuda/device_fixture.hpp"

namespace chromatin::gpu::cuda {
namespace {

struct CandidatesKernel : on_a_device {
  /// Compares the candidates with those of a plain sort, and the sums with those in double.
  void expect_as_sorted(const std::vector<float>& logits, std::uint32_t vocabulary, std::uint32_t count) {
    auto rows = static_cast<std::uint32_t>(logits.size() / vocabulary);
    std::vector<float> inverse(rows);
    for (std::uint32_t r = 0; r < rows; ++r) inverse[r] = 0.5f + static_cast<float>(r);
    auto there = put(logits), inverse_there = put(inverse);
    auto out = room<candidate>(std::size_t{rows} * count);
    auto summaries = room<logits_summary>(rows);
    kernels().candidates(queue, there, vocabulary, rows, count, inverse_there, out, summaries);
    auto found = get(out);
    auto all = get(summaries);
    for (std::uint32_t r = 0; r < rows; ++r) {
      auto sorted = rank(logits.data() + std::size_t{r} * vocabulary, vocabulary);
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto& one = found[r * count + i];
        ASSERT_EQ(one.token, i < vocabulary ? sorted[i].second : ~0u) << "row " << r << ", place " << i;
        ASSERT_TRUE(i >= vocabulary || one.logit == sorted[i].first);
      }
      double sum = 0, tempered = 0;
      for (auto [logit, token] : sorted) {
        sum += std::exp(double{logit} - sorted[0].first);
        tempered += std::exp((double{logit} - sorted[0].first) * inverse[r]);
      }
      EXPECT_EQ(all[r].largest, sorted[0].first);
      EXPECT_NEAR(all[r].sum / sum, 1, 1e-5);
      EXPECT_NEAR(all[r].tempered_sum / tempered, 1, 1e-5);
      EXPECT_EQ(all[r].broken, 0u);
    }
  }

  /// The sampler's order.
  static std::vector<std::pair<float, std::uint32_t>> rank(const float* logits, std::uint32_t vocabulary) {
    std::vector<std::pair<float, std::uint32_t>> all;
    for (std::uint32_t i = 0; i < vocabulary; ++i) all.emplace_back(logits[i], i);
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    return all;
  }
};
CHROMATIN_ON_A_DEVICE(CandidatesKernel);

TEST_P(CandidatesKernel, AreTheLikeliestInTheSamplersOrder) {
  for (std::uint32_t count : {1u, 40u, 256u})
    for (std::uint32_t vocabulary : {1000u, 1023u, 32000u})
      expect_as_sorted(random_floats(2 * vocabulary, 5.0f), vocabulary, count);
}

TEST_P(CandidatesKernel, AreAllThatThereAreInASmallVocabulary) {
  for (std::uint32_t vocabulary : {1u, 7u, 64u}) expect_as_sorted(random_floats(3 * vocabulary), vocabulary, 100);
}

TEST_P(CandidatesKernel, EqualLogitsKeepTheOrderOfTheirTokens) {
  std::vector<float> logits(32000, -1.5f);
  expect_as_sorted(logits, 32000, 64);
  for (auto& v : logits) v = random() % 2 ? 0.0f : -0.0f;
  expect_as_sorted(logits, 32000, 64);
  for (auto& v : logits) v = static_cast<float>(random() % 3) - 1.0f;
  expect_as_sorted(logits, 32000, 256);
}

/// So that the bound by the threads' best is a bad one: 400 threads have all that is large.
TEST_P(CandidatesKernel, ManyLargeLogitsOfFewThreadsAreFoundToo) {
  auto logits = random_floats(64000);
  for (std::uint32_t i = 0; i < logits.size(); ++i)
    if (i % 4096 < 400) logits[i] += 100.0f;
  expect_as_sorted(logits, 64000, 256);
}

TEST_P(CandidatesKernel, LogitsThatAreNotFiniteAreCounted) {
  auto logits = random_floats(2 * 1000);
  logits[3] = std::numeric_limits<float>::quiet_NaN();
  logits[999] = std::numeric_limits<float>::infinity();
  for (std::uint32_t i = 0; i < 1000; ++i) logits[1000 + i] = -std::numeric_limits<float>::infinity();
  auto there = put(logits), inverse = put(std::vector<float>{1, 1});
  auto out = room<candidate>(2 * 10);
  auto summaries = room<logits_summary>(2);
  kernels().candidates(queue, there, 1000, 2, 10, inverse, out, summaries);
  auto all = get(summaries);
  EXPECT_EQ(all[0].broken, 2u);
  EXPECT_EQ(all[1].broken, 1000u);
}

}  // namespace
}  // namespace chromatin::gpu::cuda
