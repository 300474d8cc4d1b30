// The deterministic mode: a sequence's logits are the same to the last bit whoever shares its batch and however its
// tokens were cut into steps.

#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/gpu/sequence.hpp"

namespace chromatin::gpu {
namespace {

struct conversation {
  token_list input;
  std::size_t done = 0;
  sequence pages;
};

using logits_by_position = std::map<std::pair<std::size_t, std::size_t>, std::vector<float>>;

std::vector<token_list> random_inputs(std::mt19937& random) {
  std::uniform_int_distribution<std::size_t> length{1, 200};
  std::uniform_int_distribution<kv::token_id> token{3, 4000};
  std::vector<token_list> inputs(6);
  for (auto& input : inputs) {
    input.resize(length(random));
    for (auto& t : input) t = token(random);
  }
  return inputs;
}

/// Plays all inputs in random steps of random sequences; the logits that were asked for, by sequence and position.
logits_by_position play(backend& b, const std::vector<token_list>& inputs, std::mt19937& random) {
  std::vector<conversation> all;
  for (const auto& input : inputs) all.push_back({input, 0, sequence{b}});
  logits_by_position result;
  for (;;) {
    std::vector<std::size_t> chosen;
    std::vector<token_list> parts;
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto left = all[i].input.size() - all[i].done;
      if (left == 0 || random() % 2 == 0) continue;
      auto count = random() % 2 == 0 ? 1 : 1 + random() % left;
      auto from = all[i].input.begin() + static_cast<std::ptrdiff_t>(all[i].done);
      parts.emplace_back(from, from + static_cast<std::ptrdiff_t>(count));
      all[i].done += count;
      chosen.push_back(i);
    }
    if (chosen.empty()) {
      bool finished = true;
      for (const auto& c : all) finished = finished && c.done == c.input.size();
      if (finished) return result;
      continue;
    }
    std::vector<sequence_step> batch;
    for (std::size_t i = 0; i < chosen.size(); ++i) batch.push_back(all[chosen[i]].pages.next(parts[i]));
    auto logits = run(b, batch);
    auto vocabulary = logits.size() / chosen.size();
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      auto at = logits.begin() + static_cast<std::ptrdiff_t>(i * vocabulary);
      result[{chosen[i], all[chosen[i]].done}] = {at, at + static_cast<std::ptrdiff_t>(vocabulary)};
    }
  }
}

using model::weight_kind;

class Deterministic : public testing::TestWithParam<std::pair<kv::dtype, weight_kind>> {};

std::string name_of(kv::dtype type, weight_kind weights) {
  constexpr const char* kinds[] = {"", "_int8", "_q4"};
  return std::string{type == kv::dtype::f32 ? "f32" : "bf16"} + kinds[static_cast<std::size_t>(weights)];
}

TEST_P(Deterministic, LogitsDoNotDependOnTheBatchNorOnTheCut) {
  auto [type, weights] = GetParam();
  if (type == kv::dtype::bf16 && best_compute_type() != type) GTEST_SKIP() << "this processor does not multiply bf16";
  auto b = make_cpu_backend(
      concierge(), {.compute = type, .weights = weights, .deterministic = true, .threads = 2, .step_tokens_max = 1280});
  for (unsigned seed = 1; seed <= 4; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random{seed};
    auto inputs = random_inputs(random);
    auto reference = play(*b, inputs, random);
    std::size_t compared = 0;
    for (int again = 0; again < 3; ++again)
      for (const auto& [position, logits] : play(*b, inputs, random))
        if (auto found = reference.find(position); found != reference.end()) {
          ASSERT_EQ(found->second, logits)
              << "sequence " << position.first << " after " << position.second << " tokens";
          ++compared;
        }
    EXPECT_GE(compared, 3 * inputs.size());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Types, Deterministic,
    testing::Values(std::pair{kv::dtype::f32, weight_kind::stored}, std::pair{kv::dtype::bf16, weight_kind::stored},
                    std::pair{kv::dtype::bf16, weight_kind::int8}, std::pair{kv::dtype::f32, weight_kind::int8},
                    std::pair{kv::dtype::bf16, weight_kind::q4}, std::pair{kv::dtype::f32, weight_kind::q4}),
    [](const auto& p) { return name_of(p.param.first, p.param.second); });

}  // namespace
}  // namespace chromatin::gpu
