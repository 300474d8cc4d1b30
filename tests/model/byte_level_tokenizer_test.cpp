#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/load_error.hpp"
#include "model/normal_forms.hpp"
#include "model/text_stream.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/model/tiny_tokenizer.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(BytePairs, TheEarliestRuleComesFirstNotTheLongestToken) {
  EXPECT_THAT(pieces(*open_tokenizer(tiny_tokenizer({"b c", "a b", "ab c"})), "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(pieces(*open_tokenizer(tiny_tokenizer({"a b", "b c", "ab c"})), "abc"), ElementsAre("abc"));
}

TEST(BytePairs, OfEqualPairsTheLeftmostMergesFirst) {
  auto words = open_tokenizer(tiny_tokenizer({"a a"}));
  EXPECT_THAT(pieces(*words, "aaa"), ElementsAre("aa", "a"));
  EXPECT_THAT(pieces(*words, "aaaaa"), ElementsAre("aa", "aa", "a"));
}

TEST(BytePairs, AMergeMakesRoomForEarlierRules) {
  // "xy" comes last but then "w xy" is an earlier rule than "xy z".
  EXPECT_THAT(pieces(*open_tokenizer(tiny_tokenizer({"w xy", "xy z", "x y"})), "wxyz"), ElementsAre("wxy", "z"));
}

TEST(BytePairs, AMillionLettersWithoutASpaceTakeNoQuadraticTime) {
  auto words = open_tokenizer(tiny_tokenizer({"a a", "aa aa", "aaaa aaaa"}));
  std::string text(1'000'003, 'a');
  auto ids = words->encode(text);
  EXPECT_EQ(ids.size(), 125'000u + 2);  // eights, then "aa" and "a"
}

TEST(ByteLevel, BothWaysToWriteMergesAreRead) {
  auto file = tiny_tokenizer({"Ġ a"});
  EXPECT_THAT(pieces(*open_tokenizer(file), "a a"), ElementsAre("a", " a"));
  file["model"]["merges"] = json::array({json::array({"Ġ", "a"})});
  EXPECT_THAT(pieces(*open_tokenizer(file), "a a"), ElementsAre("a", " a"));
}

TEST(ByteLevel, MergesDoNotReachAcrossParts) {
  auto file = tiny_tokenizer({"2 3", "3 4", "1 23"});
  EXPECT_THAT(pieces(*open_tokenizer(file), "1234"), ElementsAre("123", "4"));
  file["pre_tokenizer"] = split_on(qwen2_pattern);
  EXPECT_THAT(pieces(*open_tokenizer(file), "1234"), ElementsAre("1", "2", "3", "4"));
}

TEST(ByteLevel, AWholePartThatIsATokenNeedsNoMergesWhereTheFileSaysSo) {
  auto file = tiny_tokenizer();
  file["model"]["vocab"]["Ġabc"] = 256;
  EXPECT_THAT(pieces(*open_tokenizer(file), "x abc abcd"), testing::SizeIs(10));
  file["model"]["ignore_merges"] = true;
  EXPECT_THAT(pieces(*open_tokenizer(file), "x abc abcd"), ElementsAre("x", " abc", " ", "a", "b", "c", "d"));
}

TEST(ByteLevel, AccentsAreComposedWhereTheFileSaysSo) {
  auto file = tiny_tokenizer({"Ã ©"});  // é
  EXPECT_THAT(pieces(*open_tokenizer(file), "e\u0301"), ElementsAre("e", "\xCC", "\x81"));
  file["normalizer"] = {{"type", "NFC"}};
  EXPECT_THAT(pieces(*open_tokenizer(file), "e\u0301"), ElementsAre("é"));
}

TEST(ByteLevel, TextIsTakenAsIfASpaceStoodBeforeItWhereTheFileSaysSo) {
  auto file = tiny_tokenizer({"Ġ a"});
  file["pre_tokenizer"] = byte_level(true, true);
  auto words = open_tokenizer(file);
  EXPECT_TRUE(words->adds_leading_space());
  EXPECT_THAT(pieces(*words, "a"), ElementsAre(" a"));
  EXPECT_EQ(words->encode("a"), words->encode(" a"));
  text_stream stream{words, {}};
  EXPECT_EQ(stream.push(words->encode("a").at(0)), "a");
}

TEST(ByteLevel, PlainTextNeverBecomesAControlToken) {
  auto file = tiny_tokenizer({"< |", "<| e", "P A", "PA D"});
  auto pad = file["model"]["vocab"]["PAD"].get<kv::token_id>();
  auto end = add_token(file, "<|end|>", true), think = add_token(file, "<think>", false);
  file["added_tokens"].push_back({{"id", pad}, {"content", "PAD"}, {"special", true}});
  for (bool whole : {false, true}) {
    file["model"]["ignore_merges"] = whole;
    auto words = open_tokenizer(file);
    EXPECT_THAT(pieces(*words, "a<|end|>PAD<think>"),
                ElementsAre("a", "<|", "e", "n", "d", "|", ">", "PA", "D", "<", "t", "h", "i", "n", "k", ">"));
    EXPECT_EQ(words->control("<|end|>"), end);
    EXPECT_EQ(words->control("PAD"), pad);
    EXPECT_EQ(words->bytes(end), "");
    EXPECT_EQ(words->bytes(think), "<think>");  // said by the model it is text
    EXPECT_THROW(words->control("PA"), load_error);
  }
}

TEST(ByteLevel, OtherAddedTokensAreFoundInTextTheLongestFirst) {
  auto file = tiny_tokenizer();
  add_token(file, "  ", false);
  add_token(file, "    ", false);
  EXPECT_THAT(pieces(*open_tokenizer(file), "a       b"), ElementsAre("a", "    ", "  ", " ", "b"));
}

TEST(ByteLevel, ATokenMarkedAsNormalizedIsLookedForAfterComposition) {
  auto file = tiny_tokenizer();
  file["normalizer"] = {{"type", "NFC"}};
  add_token(file, "ệ", false);
  EXPECT_THAT(pieces(*open_tokenizer(file), "e\u0323\u0302ệ"), ElementsAre("\xE1", "\xBB", "\x87", "ệ"));
  file["added_tokens"][0]["normalized"] = true;
  EXPECT_THAT(pieces(*open_tokenizer(file), "e\u0323\u0302ệ"), ElementsAre("ệ", "ệ"));
}

TEST(ByteLevel, AByteWithoutATokenReadsAsTheReplacementCharacter) {
  auto file = tiny_tokenizer();
  file["model"]["vocab"].erase(to_byte_alphabet("\xC0"));
  EXPECT_THAT(pieces(*open_tokenizer(file), "a\xC0"), ElementsAre("a", "\xEF", "\xBF", "\xBD"));
}

TEST(ByteLevel, WhatComesOutIsWhatWentIn) {
  std::random_device entropy;
  auto seed = entropy();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random{seed};
  auto composing = tiny_tokenizer({"Ġ a", "Ã ©", "Ġ Ġ", "ĠĠ ĠĠ", "1 2"});
  composing["normalizer"] = {{"type", "NFC"}};
  auto plain = open_tokenizer(tiny_tokenizer({"Ġ a", "Ã ©", "Ġ Ġ", "ĠĠ ĠĠ", "1 2"}));
  auto composed = open_tokenizer(composing);
  std::vector<std::string> parts{"a",       " ",    "\n",       "\r\n",     "12",          "'s", "é",
                                 "e\u0301", "日本", "😀",        "👩\u200d👧", "\u3000",      "\t", "\u0338",
                                 "<|x|>",   "\xFF", "\xE2\x82", "\xC0\x80", "\xED\xA0\x80"};
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n)
      text += random() % 4 == 0 ? std::string(1, static_cast<char>(random())) : parts[random() % parts.size()];
    std::string back, back_composed;
    for (const auto& piece : pieces(*plain, text)) back += piece;
    for (const auto& piece : pieces(*composed, text)) back_composed += piece;
    ASSERT_EQ(back, text);
    ASSERT_EQ(back_composed, normalized(text, normal_form::c));
  }
}

TEST(ByteLevel, CharactersThatComeByteByByteAreShownWhole) {
  auto words = open_tokenizer(tiny_tokenizer());
  text_stream stream{words, {}};
  std::vector<std::string> shown;
  for (auto id : words->encode("a😀")) shown.push_back(stream.push(id));
  EXPECT_THAT(shown, ElementsAre("a", "", "", "", "😀"));
}

/// The same texts through Hugging Face's library, see the file.
TEST(ByteLevel, TokensAreThoseOfTheReferenceImplementation) {
  auto golden = json::parse(std::ifstream{source_dir / "tests/data/tokenizer_golden.json"});
  for (const auto& c : golden["cases"]) {
    SCOPED_TRACE(c["name"].get<std::string>());
    auto file = tiny_tokenizer(golden["merges"].get<std::vector<std::string>>());
    for (const auto& token : golden["extra"])
      file["model"]["vocab"][token.get<std::string>()] = file["model"]["vocab"].size();
    file["normalizer"] = c["normalizer"];
    file["pre_tokenizer"] = c["pre_tokenizer"];
    file["model"]["ignore_merges"] = c["ignore_merges"];
    auto words = open_tokenizer(file);
    for (std::size_t i = 0; i < golden["texts"].size(); ++i)
      EXPECT_EQ(words->encode(golden["texts"][i].get<std::string>()), c["ids"][i].get<std::vector<kv::token_id>>())
          << golden["texts"][i];
  }
}

}  // namespace
}  // namespace chromatin::model
