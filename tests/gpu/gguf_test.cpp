// A model out of a GGUF file answers as the one out of the folder that it came from.

#include <cmath>

#include <gtest/gtest.h>

#include "tests/gpu/sequence.hpp"
#include "tests/model/gguf_of.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::gpu {
namespace {

using test::gguf_type;

constexpr std::size_t said_max = 24;

/// Greedy tokens behind a prompt, and the logits of the last one.
std::pair<token_list, std::vector<float>> answer(std::shared_ptr<const model::checkpoint> checkpoint) {
  auto prompt = checkpoint->tokenizer->encode("I would like to book a table for two, please.");
  auto b = make_cpu_backend(std::move(checkpoint), {.compute = kv::dtype::f32, .threads = 2});
  sequence s{*b};
  auto logits = run(*b, {s.next(prompt)});
  token_list said;
  while (said.size() < said_max) {
    said.push_back(static_cast<kv::token_id>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
    logits = run(*b, {s.next({said.back()})});
  }
  return {said, logits};
}

std::pair<token_list, std::vector<float>> answer_of_file(gguf_type type) {
  test::temporary_folder folder;
  test::write_bytes(folder / "m.gguf",
                    test::gguf_of(CHROMATIN_SOURCE_DIR "/assets/concierge", {.type = type, .more_keys = {}}).file());
  return answer(model::checkpoint::open(folder / "m.gguf"));
}

TEST(Gguf, SameWeightsGiveTheSameLogitsToTheLastBit) {
  auto folder = answer(concierge());
  for (auto type : {gguf_type::bf16, gguf_type::f32}) EXPECT_EQ(answer_of_file(type), folder);
}

TEST(Gguf, EightBitsGiveTheSameTokensAndNearLogits) {
  auto [said, logits] = answer(concierge());
  auto [said_by_file, logits_by_file] = answer_of_file(gguf_type::q8_0);
  EXPECT_EQ(said_by_file, said);
  double largest = 0;
  for (std::size_t i = 0; i < logits.size(); ++i)
    largest = std::max<double>(largest, std::abs(logits[i] - logits_by_file[i]));
  EXPECT_LT(largest, 0.5);  // of logits that reach from about -10 to 20
  EXPECT_GT(largest, 0);
}

}  // namespace
}  // namespace chromatin::gpu
