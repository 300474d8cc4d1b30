#include <gtest/gtest.h>

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

TEST(TextStream, ATokenIsOutWhenItsWholeTextIs) {
  text_stream stream{words(), {"ab!"}};
  std::size_t pushed = 0;
  for (auto token : words()->encode("xa")) stream.push(token), ++pushed;
  EXPECT_LT(stream.tokens_out(), pushed);
  stream.finish();
  EXPECT_EQ(stream.tokens_out(), pushed);
}

TEST(TextStream, ATokenInTheMiddleOfACharacterWaitsForTheRestOfIt) {
  text_stream stream{words(), {}};
  auto tokens = words()->encode("😀");  // spelt in bytes
  ASSERT_GE(tokens.size(), 4u);
  std::string out;
  for (auto token : tokens) {
    EXPECT_LE(stream.tokens_out(), tokens.size() - 4) << "no byte of the character is out";
    out += stream.push(token);
  }
  EXPECT_EQ(out, "😀");
  EXPECT_EQ(stream.tokens_out(), tokens.size());
}

TEST(TextStream, TokensBehindAStopStringNeverComeOut) {
  text_stream stream{words(), {"table for"}};
  std::string out;
  std::vector<std::size_t> lengths;
  for (auto token : words()->encode("I want a table for two.")) {
    out += stream.push(token);
    lengths.push_back(words()->bytes(token).size());
  }
  std::size_t bytes = 0, count = 0;
  for (; bytes + lengths[count] <= out.size() + 1; ++count) bytes += lengths[count];  // one is a leading space
  EXPECT_EQ(stream.tokens_out(), count);
}

}  // namespace
}  // namespace chromatin::model
