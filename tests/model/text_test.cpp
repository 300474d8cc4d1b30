#include <gtest/gtest.h>

#include "model/sampler.hpp"
#include "model/text_stream.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

std::shared_ptr<const tokenizer> words() {
  static const auto shared = tokenizer::open(std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge");
  return shared;
}

TEST(Utf8, ValidatesAsTheStandardSays) {
  for (auto good : {"", "plain", "Zürich", "日本", "😀", "\xF4\x8F\xBF\xBF"}) EXPECT_TRUE(valid_utf8(good)) << good;
  for (auto bad : {"\xff", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "a\x80"})
    EXPECT_FALSE(valid_utf8(bad));
}

TEST(Utf8, CharactersAreReleasedWhole) {
  utf8_assembler a;
  EXPECT_EQ(a.push("\xE2"), "");
  EXPECT_EQ(a.push("\x82"), "");
  EXPECT_EQ(a.push("\xAC!"), "€!");
  EXPECT_EQ(a.push("\xF0\x9F"), "");
  EXPECT_EQ(a.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(a.finish(), "");
}

TEST(Utf8, BytesThatCannotBecomeACharacterAreReplaced) {
  utf8_assembler a;
  EXPECT_EQ(a.push("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(a.push("\xC3("), "\xEF\xBF\xBD(");
}

TEST(Tokenizer, TextComesBackFromItsTokens) {
  for (std::string text : {"I want to book a table.", "  two  spaces", "naïve café 日本 😀", "\n\ttabs"}) {
    text_stream stream{words(), {}};
    std::string back;
    for (auto token : words()->encode(text)) back += stream.push(token);
    back += stream.finish();
    EXPECT_EQ(back, text);
  }
}

std::string stream_all(std::vector<std::string> stop, const std::string& text, bool* stopped = nullptr) {
  text_stream stream{words(), std::move(stop)};
  std::string out;
  for (auto token : words()->encode(text)) out += stream.push(token);
  out += stream.finish();
  if (stopped) *stopped = stream.stopped();
  return out;
}

TEST(TextStream, EndsBeforeAStopStringEvenAcrossTokens) {
  bool stopped = false;
  EXPECT_EQ(stream_all({"table for"}, "I want a table for two.", &stopped), "I want a ");
  EXPECT_TRUE(stopped);
  EXPECT_EQ(stream_all({"table for ten"}, "I want a table for two.", &stopped), "I want a table for two.");
  EXPECT_FALSE(stopped);
  EXPECT_EQ(stream_all({"zzz", "want"}, "I want a table.", &stopped), "I ");
}

TEST(TextStream, HoldsBackOnlyWhatMayBecomeAStopString) {
  text_stream stream{words(), {"ab!"}};
  std::string out;
  for (auto token : words()->encode("xa")) out += stream.push(token);
  EXPECT_EQ(out, "x");
  EXPECT_EQ(stream.finish(), "a");
}

TEST(Sampler, GreedyTakesTheLikeliest) {
  std::vector<float> logits{0, 3, 1, 3};
  EXPECT_EQ(sampler{{}}.next(logits), 1u);
  EXPECT_EQ(sampler{{}}.next(std::vector<float>{-3, -1, -2, -1}), 1u);
  EXPECT_EQ(sampler{{}}.next(std::vector<float>{-0.0f, 0.0f, -1}), 0u);
}

TEST(Sampler, TheSameSeedGivesTheSameTokensAndTheirFrequenciesFit) {
  std::vector<float> logits{0, 1, 2};
  sampler a{{.temperature = 1, .seed = 7}}, b{{.temperature = 1, .seed = 7}};
  std::vector<int> counts(3);
  for (int i = 0; i < 20000; ++i) {
    auto token = a.next(logits);
    ASSERT_EQ(token, b.next(logits));
    ++counts.at(token.value());
  }
  EXPECT_NEAR(counts[0] / 20000.0, 0.0900, 0.012);
  EXPECT_NEAR(counts[1] / 20000.0, 0.2447, 0.018);
  EXPECT_NEAR(counts[2] / 20000.0, 0.6652, 0.02);
}

TEST(Sampler, TopKAndTopPLeaveOutTheUnlikely) {
  std::vector<float> logits{0, 1, 2, -5};
  sampler top_k{{.temperature = 2, .top_k = 2, .seed = 1}}, top_p{{.temperature = 1, .top_p = 0.6f, .seed = 1}};
  for (int i = 0; i < 500; ++i) {
    EXPECT_GE(top_k.next(logits), 1u);
    EXPECT_EQ(top_p.next(logits), 2u);
  }
}

TEST(Sampler, LogitsThatAreNotFiniteGiveNoToken) {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  for (auto bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity})
    for (const auto& how : {sampling{}, sampling{.temperature = 1, .top_k = 2}})
      EXPECT_EQ(sampler{how}.next(std::vector<float>{0, 3, bad, 1}), std::nullopt);
}

TEST(Sampler, NoSettingLeavesNothingToChoose) {
  std::vector<float> logits{0, 3, 1};
  for (auto top_p : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN()})
    EXPECT_EQ((sampler{{.temperature = 1, .top_p = top_p}}.next(logits)), 1u);
  EXPECT_EQ((sampler{{.temperature = 1e-38f}}.next(logits)), 1u);
}

}  // namespace
}  // namespace chromatin::model
