// Unigram models: the cut itself, the tokenizer.json that has one, and SentencePiece's library on the same pieces.

#include "model/unigram.hpp"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include "tests/model/load_reason.hpp"
#include "tests/model/protobuf.hpp"
#include "tests/model/tiny_tokenizer.hpp"
#include "tests/support/random_text.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> cut(const unigram& by, std::string_view text) {
  std::vector<std::string> all;
  for (const auto& part : by.cut(text))
    all.push_back(part.token ? std::string{part.text} : "?" + std::string{part.text});
  return all;
}

unigram of(const std::vector<std::pair<std::string, double>>& pieces, double unknown = -20) {
  unigram made;
  kv::token_id id = 0;
  for (const auto& [text, score] : pieces) made.add(text, id++, score);
  made.finish(unknown);
  return made;
}

TEST(Unigram, TheLikeliestPiecesWinNotTheLongest) {
  auto by = of({{"a", -2}, {"b", -2}, {"ab", -5}, {"abc", -30}, {"c", -3}, {"bc", -3.5}});
  EXPECT_THAT(cut(by, "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(cut(by, "ab"), ElementsAre("a", "b"));
  EXPECT_THAT(cut(by, ""), ElementsAre());
}

TEST(Unigram, OfEqualCutsTheOneThatIsFoundFirstStays) {
  EXPECT_THAT(cut(of({{"a", -1}, {"b", -1}, {"ab", -2}}), "ab"), ElementsAre("ab")) << "it begins before";
  EXPECT_THAT(cut(of({{"a", -1}, {"bc", -1}, {"ab", -1}, {"c", -1}}), "abc"), ElementsAre("a", "bc"));
}

TEST(Unigram, ACharacterThatIsNoPieceCostsMoreThanAnyPiece) {
  auto by = of({{"a", -1}, {"ä", -2}, {"äö", -25}}, -20);
  EXPECT_THAT(cut(by, "aöä"), ElementsAre("a", "?ö", "ä"));
  EXPECT_THAT(cut(by, "äö"), ElementsAre("ä", "?ö")) << "-22 is more than -25";
  EXPECT_THAT(cut(by, "a\xff"), ElementsAre("a", "?\xff"));
}

json unigram_file(bool byte_fallback) {
  json vocabulary = json::array();  // in an initialiser list pairs of a text and a number would be an object
  for (auto [text, score] : std::vector<std::pair<const char*, int>>{
           {"<unk>", 0}, {"<s>", 0}, {"</s>", 0}, {"▁", -3}, {"▁he", -4}, {"l", -4}, {"lo", -5}, {"h", -6}, {"e", -6}})
    vocabulary.push_back({text, score});
  if (byte_fallback)
    for (int byte = 0; byte < 256; ++byte) {
      char name[8];
      std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
      vocabulary.push_back({name, 0});
    }
  json metaspace{{"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "always"}, {"split", true}};
  json file{{"version", "1.0"},
            {"added_tokens", json::array()},
            {"normalizer", nullptr},
            {"pre_tokenizer", metaspace},
            {"post_processor", nullptr},
            {"decoder", metaspace},
            {"model", {{"type", "Unigram"}, {"unk_id", 0}, {"vocab", vocabulary}, {"byte_fallback", byte_fallback}}}};
  for (auto [content, id] : {std::pair{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}})
    file["added_tokens"].push_back({{"id", id}, {"content", content}, {"special", true}});
  return file;
}

TEST(UnigramFile, IsServedWithoutItsSentencePieceModel) {
  auto words = open_tokenizer(unigram_file(true));
  EXPECT_THAT(pieces(*words, "hello"), ElementsAre(" he", "l", "lo"));
  EXPECT_THAT(pieces(*words, "hello lo"), ElementsAre(" he", "l", "lo", " ", "lo"));
  EXPECT_THAT(pieces(*words, "ü"), ElementsAre(" ", "\xc3", "\xbc")) << "its bytes";
  EXPECT_TRUE(words->adds_leading_space());
  EXPECT_EQ(words->control("</s>"), 2u);
}

TEST(UnigramFile, UnknownCharactersInARowAreOneToken) {
  auto words = open_tokenizer(unigram_file(false));
  EXPECT_EQ(words->encode("üöl"), (std::vector<kv::token_id>{3, 0, 5}));
  EXPECT_EQ(words->encode("ülü"), (std::vector<kv::token_id>{3, 0, 5, 0}));
}

TEST(UnigramFile, WhatAUserSaysBecomesNoControlToken) {
  auto words = open_tokenizer(unigram_file(true));
  for (auto id : words->encode("<s>h</s><unk><0x41>")) {
    EXPECT_GT(id, 2u);
    EXPECT_NE(words->bytes(id), "A");
  }
}

TEST(UnigramFile, WhatIsWrongIsNamed) {
  const std::pair<const char*, std::pair<json, const char*>> bad[]{
      {"/model/unk_id", {265, "\"unk_id\" is no piece"}},
      {"/model/unk_id", {-1, "unk_id"}},
      {"/model/vocab", {json::object(), "vocab"}},
      {"/model/vocab", {json::array(), "\"unk_id\" is no piece"}},
      {"/model/vocab/4", {"he", "must be [\"text\", score]"}},
      {"/model/vocab/4/1", {nullptr, "must be [\"text\", score]"}},
      {"/model/magic", {1, "\"magic\" is not known"}},
      {"/decoder", {byte_level(true, true), "ByteLevel"}},
      {"/normalizer", {{{"type", "Precompiled"}, {"precompiled_charsmap", ""}}, "is no table"}},
      {"/normalizer", {{{"type", "Precompiled"}, {"precompiled_charsmap", "a?"}}, "is no base64"}},
      {"/normalizer", {{{"type", "Precompiled"}, {"precompiled_charsmap", "CAAAAAAAAAA="}}, "is cut off"}}};
  for (const auto& [pointer, wrong] : bad) {
    auto file = unigram_file(true);
    file[json::json_pointer{pointer}] = wrong.first;
    EXPECT_THAT(load_reason([&] { open_tokenizer(file); }),
                testing::AllOf(HasSubstr("tokenizer.json"), HasSubstr(wrong.second)))
        << pointer;
  }
  auto no_way_out = unigram_file(false);
  no_way_out["model"].erase("unk_id");
  EXPECT_THAT(load_reason([&] { open_tokenizer(no_way_out); }), HasSubstr("unknown characters"));
}

/// The first field of this number in a protobuf message, whose fields are bytes, numbers and floats.
std::string_view field(std::string_view message, std::uint64_t wanted) {
  while (!message.empty()) {
    auto key = take_number(message);
    if (key % 8 == 0) {
      take_number(message);
    } else if (key % 8 == 5) {
      message.remove_prefix(4);
    } else {
      auto bytes = take_number(message);
      if (key / 8 == wanted) return message.substr(0, bytes);
      message.remove_prefix(bytes);
    }
  }
  return {};
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 3))) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= bytes.size() ? digits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

/// The file that converters make of a SentencePiece model.
json converted(const sentencepiece::SentencePieceProcessor& from) {
  auto file = unigram_file(false);
  file["added_tokens"] = json::array();
  auto& model = file["model"];
  model["vocab"] = json::array();
  model["unk_id"] = from.unk_id();
  model["byte_fallback"] = true;
  for (int id = 0; id < from.GetPieceSize(); ++id) {
    model["vocab"].push_back({from.IdToPiece(id), from.GetScore(id)});
    if (from.IsControl(id) || from.IsUnknown(id))
      file["added_tokens"].push_back({{"id", id}, {"content", from.IdToPiece(id)}, {"special", true}});
  }
  return file;
}

struct trained {
  std::string model;
  sentencepiece::SentencePieceProcessor processor;
  std::vector<std::string> texts;
};

/// A model of the texts in many scripts.
void train(const std::string& normalization, trained& made) {
  const std::string file = CHROMATIN_SOURCE_DIR "/tests/data/texts/scripts.txt";
  std::ifstream lines{file};
  for (std::string line; std::getline(lines, line);) made.texts.push_back(line);
  auto done = sentencepiece::SentencePieceTrainer::Train({{"input", file},
                                                          {"model_type", "unigram"},
                                                          {"vocab_size", "1500"},
                                                          {"hard_vocab_limit", "false"},
                                                          {"byte_fallback", "true"},
                                                          {"num_threads", "1"},
                                                          {"remove_extra_whitespaces", "false"},
                                                          {"character_coverage", "0.98"},
                                                          {"minloglevel", "2"},
                                                          {"normalization_rule_name", normalization}},
                                                         nullptr, &made.model);
  ASSERT_TRUE(done.ok()) << done.ToString();
  ASSERT_TRUE(made.processor.LoadFromSerializedProto(made.model).ok());
}

/// Cuts that are equally good are told apart by the rounding of a sum: here of double, as in Hugging Face's library,
/// there of float.
double score_of(const trained& by, const std::vector<int>& tokens) {
  double sum = 0;
  for (int id : tokens) sum += by.processor.IsByte(id) ? 0 : by.processor.GetScore(id);
  return sum;
}

/// Whether the tokens are the same, and not only equally good.
bool expect_the_same(const trained& theirs, const tokenizer& ours, const std::string& text) {
  std::vector<int> expected;
  EXPECT_TRUE(theirs.processor.Encode(text, &expected).ok());
  auto tokens = ours.encode(text);
  std::vector<int> found(tokens.begin(), tokens.end());
  if (found == expected) return true;
  EXPECT_EQ(found.size(), expected.size()) << json(text).dump();
  EXPECT_NEAR(score_of(theirs, found), score_of(theirs, expected), 1e-4) << json(text).dump();
  return false;
}

TEST(UnigramFile, CutsAsSentencePieceDoesWithTheSamePieces) {
  trained theirs;
  ASSERT_NO_FATAL_FAILURE(train("identity", theirs));
  auto ours = open_tokenizer(converted(theirs.processor));
  for (std::uint64_t seed = 1; seed <= 300; ++seed) theirs.texts.push_back(test::random_text{seed}());
  int compared = 0, same = 0;
  for (const auto& text : theirs.texts) {
    // SentencePiece puts its space before a space, too; who converts its files does not.
    if (text.find("<0x") != std::string::npos || text.starts_with(' ') || text.starts_with("▁")) continue;
    ++compared;
    same += expect_the_same(theirs, *ours, text);
  }
  EXPECT_GT(compared, 200);
  EXPECT_GT(same, compared * 95 / 100);
}

TEST(UnigramFile, SentencePiecesTableOfCharactersIsDone) {
  trained theirs;
  ASSERT_NO_FATAL_FAILURE(train("nmt_nfkc", theirs));
  auto file = converted(theirs.processor);
  constexpr std::uint64_t normalizer_spec = 3, charsmap = 2;
  auto table = field(field(theirs.model, normalizer_spec), charsmap);
  ASSERT_GT(table.size(), 10000u);
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", {{{"type", "Precompiled"}, {"precompiled_charsmap", base64(table)}}}}};
  auto ours = open_tokenizer(file);
  theirs.texts.insert(theirs.texts.end(),
                      {"ﬁne Ⅻ ½ ㌔", "ＡＢＣ１２３", "e\xcc\x81te\xcc\x81", "①②③", "a\tb\nc", "ｶｷ", "x\u200by\u00ad"});
  for (const auto& text : theirs.texts) EXPECT_TRUE(expect_the_same(theirs, *ours, text)) << text;
  for (std::size_t size : {std::size_t{5}, table.size() / 2, table.size() - 1}) {  // cut off: refused, or used as it is
    file["normalizer"]["normalizers"][0]["precompiled_charsmap"] = base64(table.substr(0, size));
    auto reason = load_reason([&] { open_tokenizer(file)->encode("ﬁne"); });
    EXPECT_TRUE(reason == "no error" || reason.find("precompiled_charsmap") != std::string::npos) << reason;
  }
}

}  // namespace
}  // namespace chromatin::model
