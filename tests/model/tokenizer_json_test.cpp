// Tokenizers that cannot be used are refused with one line that names what, never read wrongly; and which file is used.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/kept_files.hpp"
#include "tests/model/load_reason.hpp"
#include "tests/model/tiny_tokenizer.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

std::string reason_after(const std::function<void(json&)>& edit) {
  auto file = tiny_tokenizer({"a b", "ab c"});
  add_token(file, "<|end|>", true);
  edit(file);
  return load_reason([&] { open_tokenizer(file); });
}

TEST(TokenizerJson, TheFileBeforeItsEditsIsFine) {
  EXPECT_EQ(reason_after([](json&) {}), "no error");
}

TEST(TokenizerJson, WhatIsNotUnderstoodIsRefusedByName) {
  struct {
    const char* pointer;
    json value;
    const char* expected;
  } cases[]{
      {"/model/type", "WordPiece", "model: type WordPiece is not supported"},
      {"/model/type", "WordLevel", "supported: BPE, Unigram"},
      {"/model/type", "Unigram", "merges\" is not known"},
      {"/model/dropout", 0.1, R"(model: "dropout": 0.1 is not supported)"},
      {"/model/continuing_subword_prefix", "##", R"("continuing_subword_prefix": "##")"},
      {"/model/end_of_word_suffix", "</w>", R"("end_of_word_suffix": "</w>")"},
      {"/model/magic", 1, R"(model: "magic" is not known)"},
      {"/magic", 1, R"("magic" is not known)"},
      {"/normalizer", {{"type", "Nmt"}}, "normalizer: Nmt is not supported; supported: Sequence, NFC"},
      {"/normalizer",
       {{"type", "Sequence"}, {"normalizers", {{{"type", "StripAccents"}}}}},
       "normalizer: StripAccents"},
      {"/normalizer", {{"type", "Prepend"}, {"prepend", ""}}, R"("prepend" is empty)"},
      {"/normalizer",
       {{"type", "Replace"}, {"pattern", {{"Regex", "\\w"}}}, {"content", ""}},
       "normalizer: \\w in a pattern is not supported"},
      {"/pre_tokenizer", nullptr, R"("pre_tokenizer" is missing, and the decoder is ByteLevel)"},
      {"/pre_tokenizer", {{"type", "BertPreTokenizer"}}, "pre_tokenizer: BertPreTokenizer is not supported"},
      {"/pre_tokenizer", {{"type", "Digits"}}, "there is no ByteLevel here"},
      {"/pre_tokenizer", {{"type", "Metaspace"}, {"replacement", "_"}}, "pre_tokenizer: \"replacement\" must be ▁"},
      {"/pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "often"}}, "\"prepend_scheme\": often"},
      {"/pre_tokenizer/pretokenizers/0/behavior", "Halved", "behavior Halved is not known"},
      {"/pre_tokenizer/pretokenizers/0/pattern", {{"String", ""}}, R"(pattern: "String" is empty)"},
      {"/pre_tokenizer/pretokenizers/0/pattern", {{"Glob", " "}}, R"("Glob" is not known)"},
      {"/pre_tokenizer/pretokenizers/0/pattern/Regex", "\\w+", "pre_tokenizer: \\w in a pattern is not supported"},
      {"/pre_tokenizer/pretokenizers/0/pattern/Regex", "((a", "pre_tokenizer: the pattern cannot be read"},
      {"/pre_tokenizer/pretokenizers/2", {{"type", "Digits"}}, "ByteLevel must be the last"},
      {"/decoder", nullptr, R"("decoder" is missing)"},
      {"/decoder/type", "WordPiece", "decoder: WordPiece is not supported"},
      {"/decoder/type", "Fuse", "ByteLevel needs a decoder that is ByteLevel too"},
      {"/added_tokens/0/shape", 1, R"(added_tokens: "shape" is not known)"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(reason_after([&](json& file) { file[json::json_pointer{c.pointer}] = c.value; }),
                AllOf(HasSubstr("tokenizer.json: "), HasSubstr(c.expected)));
}

TEST(TokenizerJson, ValuesThatCannotBeAreRefused) {
  struct {
    const char* pointer;
    json value;
    const char* expected;
  } cases[]{
      {"/model", 5, "model: "},
      {"/model/vocab", json::array(), "vocab: must be an object"},
      {"/model/vocab/a", 1u << 30, "an id must be a whole number below 1048576"},
      {"/model/vocab/a", -1, "an id must be"},
      {"/model/vocab/a", "x", "an id must be"},
      {"/model/vocab/a", 98, "two tokens have the id 98"},
      {"/model/merges", "a b", R"("merges" must be a list)"},
      {"/model/merges/0", "ab", "a merge must be"},
      {"/model/merges/0", "a b c", "a merge must be"},
      {"/model/merges/0", {"a", 5}, "a merge must be"},
      {"/model/merges/0", "a z", "merges: az is not in the vocabulary"},
      {"/model/merges/2", "a b", "merges: a b is there twice"},
      {"/model/ignore_merges", "yes", R"("ignore_merges" must be true or false)"},
      {"/added_tokens/0/id", 97, "<|end|> has the id 97 of another token"},
      {"/added_tokens/0/content", "", "a token without text"},
      {"/added_tokens/0/content", 5, R"("content" must be a text)"},
      {"/added_tokens/0", 5, "must be an object"},
      {"/normalizer", "NFC", "normalizer: "},
      {"/pre_tokenizer/pretokenizers", 5, R"("pretokenizers" must be a list)"},
  };
  for (const auto& c : cases)
    EXPECT_THAT(reason_after([&](json& file) { file[json::json_pointer{c.pointer}] = c.value; }),
                AllOf(HasSubstr("tokenizer.json: "), HasSubstr(c.expected)));
  // Without 0xEF there is no U+FFFD to stand for other bytes.
  EXPECT_THAT(reason_after([](json& file) {
                file["model"]["vocab"].erase("ï");
                file["model"]["vocab"].erase("À");
              }),
              HasSubstr("no token for the byte 0xC0"));
  EXPECT_THAT(reason_after([](json& file) { file = json::array(); }), HasSubstr("not a JSON object"));
}

TEST(TokenizerJson, WhatDoesNotChangeTheTokensOfPlainTextMayBeThere) {
  EXPECT_EQ(reason_after([](json& file) {
              file["truncation"] = {{"max_length", 512}};
              file["post_processor"] = {{"type", "TemplateProcessing"}};
              file["model"]["dropout"] = 0.0;
              file["model"]["continuing_subword_prefix"] = "";
              file["later"] = nullptr;
            }),
            "no error");
}

TEST(Tokenizer, WhereBothFilesAreThereTokenizerJsonIsUsedUnlessItIsOfAUnigramModel) {
  test::temporary_folder folder;
  EXPECT_THAT(load_reason([&] { tokenizer::open(folder.path()); }),
              HasSubstr("neither tokenizer.json nor tokenizer.model"));
  std::filesystem::copy(embedded / "tokenizer.model", folder / "tokenizer.model");
  EXPECT_EQ(tokenizer::open(folder.path())->hash(), tokenizer::open(embedded)->hash());
  std::ofstream{folder / "tokenizer.json"} << tiny_tokenizer();
  EXPECT_EQ(tokenizer::open(folder.path())->size(), 256u);
  auto unigram = tiny_tokenizer();
  unigram["model"] = {{"type", "Unigram"}, {"vocab", json::array()}};
  add_token(unigram, "<|end|>", true);
  unigram["added_tokens"][0]["id"] = 5000;
  std::ofstream{folder / "tokenizer.json"} << unigram;
  EXPECT_EQ(tokenizer::open(folder.path())->control("<|end|>"), 5000);
}

}  // namespace
}  // namespace chromatin::model
