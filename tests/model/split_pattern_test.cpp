#include "model/split_pattern.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/load_error.hpp"
#include "model/text_cuts.hpp"
#include "tests/model/tiny_tokenizer.hpp"

namespace chromatin::model {
namespace {

using testing::ElementsAre;

std::vector<std::string> split(const std::string& pattern, std::string_view text, bool keep_rest = true) {
  std::deque<std::string> made;
  auto matches = keep_rest ? cut_matches::isolated : cut_matches::removed;
  auto parts = text_cuts{{{.sought = pattern, .matches = matches, .invert = !keep_rest, .where = "here"}}}(
      text, text_place::start, made);
  return {parts.begin(), parts.end()};
}

TEST(SplitPattern, WordsTakeTheSpaceBeforeThemAndContractionsStandAlone) {
  EXPECT_THAT(split(llama3_pattern, "I'm sure THEY'LL say"), ElementsAre("I", "'m", " sure", " THEY", "'LL", " say"));
}

TEST(SplitPattern, Llama3TakesThreeDigitsAndQwen2One) {
  EXPECT_THAT(split(llama3_pattern, "x1234567 89"), ElementsAre("x", "123", "456", "7", " ", "89"));
  EXPECT_THAT(split(qwen2_pattern, "x123 4"), ElementsAre("x", "1", "2", "3", " ", "4"));
  EXPECT_THAT(split(qwen2_pattern, "٣½Ⅷ"), ElementsAre("٣", "½", "Ⅷ"));
}

TEST(SplitPattern, OfARunOfSpacesTheLastGoesWithTheWord) {
  EXPECT_THAT(split(llama3_pattern, "a   b  "), ElementsAre("a", "  ", " b", "  "));
  EXPECT_THAT(split(llama3_pattern, "a \n\n  b"), ElementsAre("a", " \n\n", " ", " b"));
  EXPECT_THAT(split(llama3_pattern, "a!\r\n b"), ElementsAre("a", "!\r\n", " b"));
}

TEST(SplitPattern, ScriptsAndEmojiAreLettersAndSigns) {
  EXPECT_THAT(split(llama3_pattern, "日本語です。 한국어"), ElementsAre("日本語です", "。", " 한국어"));
  EXPECT_THAT(split(llama3_pattern, "ok 😀👍🏽"), ElementsAre("ok", " 😀👍🏽"));
  EXPECT_THAT(split(llama3_pattern, "e\u0301x"), ElementsAre("e", "\u0301x"));  // an accent is no letter
}

TEST(SplitPattern, WhiteSpaceIsUnicodes) {
  EXPECT_THAT(split(R"(\s+)", "a\u00A0\u3000\u0085b"), ElementsAre("a", "\u00A0\u3000\u0085", "b"));
  EXPECT_THAT(split(R"([\s]+)", "a\u180Eb"), ElementsAre("a\u180Eb"));  // white space to PCRE2 only
}

TEST(SplitPattern, BytesThatAreNoUtf8MatchNothing) {
  EXPECT_THAT(split(llama3_pattern, "ab\xFF\xFE cd\xE2"), ElementsAre("ab", "\xFF\xFE", " cd", "\xE2"));
}

TEST(SplitPattern, WhatIsBetweenMatchesMayBeDropped) {
  EXPECT_THAT(split("[a-z]+", "ab, cd"), ElementsAre("ab", ", ", "cd"));
  EXPECT_THAT(split("[a-z]+", "ab, cd", false), ElementsAre("ab", "cd"));
}

TEST(SplitPattern, EmptyMatchesCutNothing) { EXPECT_THAT(split("x*", "aéxxb"), ElementsAre("aé", "xx", "b")); }

TEST(SplitPattern, LinesEndWhereOnigurumaEndsThem) {
  EXPECT_THAT(split(R"(a$)", "a\nab a"), ElementsAre("a", "\nab ", "a"));
  EXPECT_THAT(split(R"(a.)", "a\nab a"), ElementsAre("a\n", "ab", " a"));
}

TEST(SplitPattern, WhatOtherLibrariesReadDifferentlyIsRefusedByName) {
  for (auto [pattern, name] : {std::pair{R"(\w+)", R"(\w)"},
                               {R"(\bx)", R"(\b)"},
                               {R"(\h)", R"(\h)"},
                               {R"(\p{Han})", R"(\p{Han})"},
                               {R"(\pL)", R"(\pL)"},
                               {R"(\p{L)", R"(\p{L)"},
                               {R"(^a)", "^"},
                               {R"([a&&b])", "&&"},
                               {R"([[:alpha:]])", "[ in brackets"},
                               {R"([\S])", R"(\S in brackets)"},
                               {R"((?<=a)b)", "(?<="},
                               {R"((*UTF)b)", "(*UT"},
                               {R"(a{,3})", "{,3}"},
                               {R"(a{2}+)", "{2}+"},
                               {R"([a)", "[ without ]"},
                               {"\\", "\\"}})
    try {
      split_pattern{pattern, "here"};
      ADD_FAILURE() << pattern;
    } catch (const load_error& e) {
      EXPECT_EQ(e.what(), "here: " + std::string{name} + " in a pattern is not supported");
    }
}

TEST(SplitPattern, WhatIsNoPatternIsAnError) {
  for (auto pattern : {"(a", "a**", "+", "[z-a]", "a{3,2}", "\xFF"})
    EXPECT_THROW((split_pattern{pattern, "here"}), load_error) << pattern;
}

}  // namespace
}  // namespace chromatin::model
