// A text has at least as many tokens as is said of it, and one that is far too long is seen to be.

#include "model/text_bound.hpp"

#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "model/checkpoint.hpp"

namespace chromatin::model {
namespace {

TEST(TextBound, NoTextHasFewerTokensThanItSays) {
  auto words = tokenizer::open(CHROMATIN_SOURCE_DIR "/assets/concierge");
  text_bound bound{*words};
  std::stringstream all;
  all << std::ifstream{CHROMATIN_SOURCE_DIR "/assets/conversations/sgd-sample.jsonl"}.rdbuf();
  auto text = all.str();
  std::mt19937 random{1};
  for (int i = 0; i < 300; ++i) {
    auto piece = text.substr(random() % text.size(), random() % 2000);
    EXPECT_LE(bound.tokens_at_least(piece), words->encode(piece).size()) << piece;
    std::string bytes(random() % 500, ' ');
    for (auto& b : bytes) b = static_cast<char>(' ' + random() % 95);
    EXPECT_LE(bound.tokens_at_least(bytes), words->encode(bytes).size()) << bytes;
    std::string run(random() % 3000, static_cast<char>(' ' + random() % 95));
    EXPECT_LE(bound.tokens_at_least(run), words->encode(run).size()) << run;
  }
  EXPECT_GT(bound.tokens_at_least(std::string(250'000, 'a')), 10'000u);
  EXPECT_EQ(bound.tokens_at_least(std::string(250'000, ' ')), 0u);
}

}  // namespace
}  // namespace chromatin::model
