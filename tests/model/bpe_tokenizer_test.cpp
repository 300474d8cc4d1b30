// Tokenizers that are made from parts, as GGUF's metadata and converted SentencePiece models give them; added tokens in
// every place; where a text begins.

#include <cstring>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/config.hpp"
#include "model/load_error.hpp"
#include "model/text_stream.hpp"
#include "model/tokenizer_parts.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/model/load_reason.hpp"
#include "tests/model/protobuf.hpp"
#include "tests/support/random_text.hpp"
#include "tests/model/tiny_tokenizer.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// The pieces of a SentencePiece model, of which each is a field of bytes 1: a text 1, a score 2, a kind 3.
tokenizer_parts parts_of(const std::filesystem::path& file) {
  auto content = read_file(file);
  std::string_view rest = content;
  tokenizer_parts parts;
  while (rest.starts_with('\x0a')) {
    rest.remove_prefix(1);
    auto bytes = take_number(rest);
    auto piece = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    vocabulary_piece one{.text = {}, .id = static_cast<kv::token_id>(parts.vocabulary.size())};
    while (!piece.empty()) {
      auto key = take_number(piece);
      if (key == 0x0a) {
        auto size = take_number(piece);
        one.text = piece.substr(0, size);
        piece.remove_prefix(size);
      } else if (key == 0x15) {
        float score = 0;
        std::memcpy(&score, piece.data(), 4);
        one.score = score;
        piece.remove_prefix(4);
      } else {
        one.kind = static_cast<piece_kind>(take_number(piece));
      }
    }
    parts.vocabulary.push_back(one);
  }
  parts.where = "here";
  return parts;
}

TEST(BpeTokenizer, MergesByScoreAreSentencePieces) {
  auto parts = parts_of(embedded / "tokenizer.model");
  auto library = tokenizer::open(embedded);
  cut_like_sentencepiece(library->adds_leading_space(), parts);
  auto ours = build_tokenizer(parts);
  ASSERT_EQ(ours->size(), library->size());
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    auto text = test::random_text{seed}();
    EXPECT_EQ(ours->encode(text), library->encode(text)) << json(text);
  }
  std::ifstream file{source_dir / "tests/data/texts/scripts.txt"};
  for (std::string line; std::getline(file, line);) EXPECT_EQ(ours->encode(line), library->encode(line)) << line;
  for (kv::token_id id = 1; id < ours->size(); ++id) EXPECT_EQ(ours->bytes(id), library->bytes(id)) << id;
}

/// As a converted SentencePiece model is: characters, ▁ for a space, bytes for other characters.
json spaced_tokenizer(const std::vector<std::string>& merges = {}) {
  auto file = tiny_tokenizer();
  json vocabulary;
  auto add = [&](const std::string& piece) { vocabulary[piece] = vocabulary.size(); };
  add("<unk>");
  constexpr std::string_view hex = "0123456789ABCDEF";
  for (auto high : hex)
    for (auto low : hex) add(std::string{"<0x"} + high + low + ">");
  for (auto piece : {"▁", "a", "b", "c", "é"}) add(piece);
  for (auto merge : merges) add(merge.erase(merge.find(' '), 1));
  file["model"] = {{"type", "BPE"},    {"unk_token", "<unk>"}, {"byte_fallback", true},
                   {"fuse_unk", true}, {"vocab", vocabulary},  {"merges", merges}};
  json spaces{{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  file["normalizer"] = {{"type", "Sequence"},
                        {"normalizers", json::array({{{"type", "Prepend"}, {"prepend", "▁"}}, spaces})}};
  file["pre_tokenizer"] = nullptr;
  file["decoder"] = {{"type", "Sequence"}, {"decoders", json::array({{{"type", "ByteFallback"}}, {{"type", "Fuse"}}})}};
  return file;
}

TEST(BpeTokenizer, CharactersWithoutAPieceAreBytesAndAnswersShowThemWhole) {
  auto words = open_tokenizer(spaced_tokenizer({"▁ a"}));
  EXPECT_THAT(pieces(*words, "a é日"), ElementsAre(" a", " ", "é", "\xE6", "\x97", "\xA5"));
  text_stream stream{words, {}};
  std::vector<std::string> shown;
  for (auto id : words->encode("a日")) shown.push_back(stream.push(id));
  EXPECT_THAT(shown, ElementsAre("a", "", "", "日"));
}

TEST(BpeTokenizer, WithoutBytesUnknownCharactersAreOneTokenWhereTheFileSaysSo) {
  auto file = spaced_tokenizer();
  file["model"]["vocab"].erase("<0x41>");
  EXPECT_THAT(open_tokenizer(file)->encode("aAAb"), ElementsAre(257, 258, 0, 259));
  file["model"]["fuse_unk"] = false;
  EXPECT_THAT(open_tokenizer(file)->encode("aAAb"), ElementsAre(257, 258, 0, 0, 259));
  file["model"]["unk_token"] = nullptr;
  EXPECT_THROW(open_tokenizer(file), load_error);
}

TEST(BpeTokenizer, ASpaceIsPutWhereATextBeginsAsTheFileSays) {
  using enum text_place;
  auto file = spaced_tokenizer();
  auto at = [&](text_place place) { return open_tokenizer(file)->encode("a", place); };
  EXPECT_THAT(at(start), ElementsAre(257, 258));
  EXPECT_THAT(at(behind_token), ElementsAre(257, 258));
  EXPECT_THAT(at(inside), ElementsAre(258));
  file["normalizer"] = nullptr;
  file["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "first"}, {"split", false}};
  EXPECT_THAT(at(start), ElementsAre(257, 258));
  EXPECT_THAT(at(behind_token), ElementsAre(258));
  EXPECT_THAT(at(inside), ElementsAre(258));
  file["pre_tokenizer"]["prepend_scheme"] = "never";
  EXPECT_THAT(at(start), ElementsAre(258));
}

TEST(BpeTokenizer, AddedTokensTakeWhiteSpaceAndStandAloneAsTheFileSays) {
  auto file = tiny_tokenizer();
  add_token(file, "x1", false);
  auto& token = file["added_tokens"][0];
  auto found = [&] { return pieces(*open_tokenizer(file), "a \n x1 \t b"); };
  EXPECT_THAT(found(), ElementsAre("a", " ", "\n", " ", "x1", " ", "\t", " ", "b"));
  token["lstrip"] = true;
  EXPECT_THAT(found(), ElementsAre("a", "x1", " ", "\t", " ", "b"));
  token["rstrip"] = true;
  EXPECT_THAT(found(), ElementsAre("a", "x1", "b"));
  EXPECT_THAT(pieces(*open_tokenizer(file), "éx1"), ElementsAre("\xC3", "\xA9", "x1"));
  token["single_word"] = true;
  EXPECT_THAT(found(), ElementsAre("a", "x1", "b"));
  EXPECT_THAT(pieces(*open_tokenizer(file), "éx1"), ElementsAre("\xC3", "\xA9", "x", "1"));
  // What joins letters is part of a word.
  EXPECT_THAT(pieces(*open_tokenizer(file), "x1\u200d"), ElementsAre("x", "1", "\xE2", "\x80", "\x8D"));
}

TEST(BpeTokenizer, MarkupIsATokenInTextsAndWhatBeginsTextsIsNot) {
  auto file = tiny_tokenizer();
  for (auto piece : {"<td>", "</td>", "<s>", "<x>"}) add_token(file, piece, false);
  EXPECT_THAT(pieces(*open_tokenizer(file), "<td>a</td><s><x>"),
              ElementsAre("<td>", "a", "</td>", "<", "s", ">", "<", "x", ">"));
}

struct added_folder {
  added_folder() { write("tokenizer.json", tiny_tokenizer()); }
  void write(const char* name, const json& content) const { std::ofstream{folder / name} << content; }
  std::string reason() const {
    return load_reason([&] { tokenizer::open(folder.path()); });
  }
  test::temporary_folder folder;
};

TEST(AddedTokens, OfEveryPlaceAreKnown) {
  added_folder f;
  auto file = tiny_tokenizer();
  add_token(file, "one", false);
  f.write("tokenizer.json", file);
  f.write("added_tokens.json", {{"two", 257}, {"<|three|>", 258}});
  f.write("tokenizer_config.json",
          {{"added_tokens_decoder",
            {{"256", {{"content", "one"}, {"special", true}}}, {"259", {{"content", "four"}, {"rstrip", true}}}}}});
  auto words = tokenizer::open(f.folder.path());
  EXPECT_EQ(words->size(), 260u);
  EXPECT_THAT(pieces(*words, "onetwo<|"), ElementsAre("o", "n", "e", "two", "<", "|"));
  EXPECT_EQ(words->control("one"), 256);
  EXPECT_EQ(words->control("<|three|>"), 258);
  EXPECT_TRUE(words->margins(259).right);
  std::filesystem::remove(f.folder / "tokenizer.json");
  f.write("added_tokens.json", json::object());
  f.write("tokenizer_config.json", {{"added_tokens_decoder", {{"5000", {{"content", "plain"}}}}}});
  std::filesystem::copy(embedded / "tokenizer.model", f.folder / "tokenizer.model");
  words = tokenizer::open(f.folder.path());
  EXPECT_EQ(words->bytes(5000), "plain");
  EXPECT_EQ(words->encode("plain").at(0), 5000);
}

TEST(AddedTokens, WhatCannotBeIsRefusedByFileAndKey) {
  added_folder f;
  f.write("added_tokens.json", {{"x", -1}});
  EXPECT_THAT(f.reason(), HasSubstr("added_tokens.json: x: an id must be a whole number"));
  f.write("added_tokens.json", {{"x", 97}});
  EXPECT_THAT(f.reason(), HasSubstr("added_tokens: x has the id 97 of another token"));
  f.write("added_tokens.json", json::object());
  f.write("tokenizer_config.json", {{"added_tokens_decoder", {{"12x", {{"content", "x"}}}}}});
  EXPECT_THAT(f.reason(), HasSubstr("tokenizer_config.json: added_tokens_decoder: 12x: an id must be"));
  f.write("tokenizer_config.json", {{"added_tokens_decoder", {{"300", 5}}}});
  EXPECT_THAT(f.reason(), HasSubstr("added_tokens_decoder: 300: "));
}

TEST(AddedTokens, BeyondTheModelsVocabularyAreLeftOut) {
  added_folder f;
  f.write("added_tokens.json", {{"<image>", 256}});
  EXPECT_EQ(tokenizer::open(f.folder.path(), 256)->size(), 256u);
  EXPECT_THAT(tokenizer::open(f.folder.path(), 256)->left_out(), ElementsAre("<image>"));
  EXPECT_EQ(tokenizer::open(f.folder.path(), 257)->size(), 257u);
  try {
    tokenizer::open(f.folder.path(), 255);
    FAIL();
  } catch (const load_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("tokenizer.json: model: vocab: has the id 255, and the model a vocabulary of 255"));
  }
}

tokenizer_parts bytes() {
  tokenizer_parts parts;
  parts.where = "model.gguf";
  for (kv::token_id byte = 0; byte < 256; ++byte)
    parts.vocabulary.push_back({to_byte_alphabet(std::string(1, static_cast<char>(byte))), byte});
  return parts;
}

TEST(NamedCuts, GgufsNamesCutAsTheirModelsDo) {
  auto cut = [&](const char* name) {
    auto parts = bytes();
    parts.vocabulary.push_back({"12", 256});
    parts.vocabulary.push_back({"123", 257});
    parts.merges = {{"1", "2"}, {"12", "3"}};
    cut_like(name, parts);
    return pieces(*build_tokenizer(std::move(parts)), "123");
  };
  for (auto three : {"llama-bpe", "gpt-4o", "deepseek-v3", "dbrx", "gpt-2", "default", "falcon", "deepseek-llm"})
    EXPECT_THAT(cut(three), ElementsAre("123")) << three;
  for (auto one : {"qwen2", "tekken", "smollm", "refact", "stablelm2", "deepseek-coder", "seed-coder", "bailingmoe"})
    EXPECT_THAT(cut(one), ElementsAre("1", "2", "3")) << one;
  auto parts = bytes();
  EXPECT_THAT([&] { cut_like("wpm", parts); },
              testing::ThrowsMessage<load_error>("model.gguf: tokenizer.ggml.pre: \"wpm\" is not supported"));
}

TEST(NamedCuts, ControlPiecesOfTheVocabularyAreNotReadFromTextsAndUserDefinedOnesAre) {
  auto parts = bytes();
  parts.vocabulary.push_back({"<|end|>", 256, piece_kind::control});
  parts.vocabulary.push_back({"  ", 257, piece_kind::user_defined});
  cut_like("gpt-2", parts);
  auto words = build_tokenizer(std::move(parts));
  EXPECT_EQ(words->control("<|end|>"), 256);
  EXPECT_THAT(words->encode("<|end|>"), testing::SizeIs(7));
  EXPECT_THAT(pieces(*words, "a   b"), ElementsAre("a", "  ", " ", "b"));
}

TEST(NamedCuts, LongRunsTakeNoQuadraticTimeWhateverTheyAreOf) {
  for (auto name : {"llama-bpe", "qwen2", "gpt-4o", "tekken", "deepseek-v3", "deepseek-llm", "gpt-2", "default"}) {
    auto parts = bytes();
    cut_like(name, parts);
    auto words = build_tokenizer(std::move(parts));
    for (std::string of : {"a", "A", " ", "\n", " \n", "1", "!", "aA", "\u0301", "\u0301\u0323", "日"}) {
      std::string text;
      while (text.size() < 100'000) text += of;
      EXPECT_GE(words->encode(text + "x").size(), 50'000u) << name << ": " << of;
    }
  }
}

}  // namespace
}  // namespace chromatin::model
