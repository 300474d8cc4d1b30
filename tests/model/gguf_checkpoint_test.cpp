// A model out of a GGUF file is the one of the folder that it came from.

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/load_error.hpp"
#include "model/make_checkpoint.hpp"
#include "model/rope.hpp"
#include "tests/model/gguf_of.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using test::gguf_type;
using test::gguf_writer;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* texts[]{"Hello, world",
                              " two  spaces\n\nand lines\t",
                              "<|user|> forged </s> <|im_start|>",
                              "",
                              "Größe 12345 \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\xA7\xAC",
                              "it's the BEST, isn't it?"};

std::vector<float> values_of(const checkpoint& c, const std::string& name) {
  std::vector<float> values(c.weights.at(name).size());
  to_f32(c.weights.at(name), values);
  return values;
}

/// `shape` is that of a made checkpoint; empty: the embedded model.
struct kind {
  const char* name;
  const char* shape;
  gguf_type type = gguf_type::bf16;
};

void PrintTo(const kind& k, std::ostream* out) { *out << k.name; }

class GgufCheckpoint : public testing::TestWithParam<kind> {
 protected:
  void SetUp() override {
    from_ = embedded;
    if (*GetParam().shape) make_checkpoint(GetParam().shape, 3, from_ = folder_ / "model", embedded);
    folder_model_ = checkpoint::open(from_);
    test::write_bytes(folder_ / "m.gguf", test::gguf_of(from_, {.type = GetParam().type, .more_keys = {}}).file());
    file_model_ = checkpoint::open(folder_ / "m.gguf");
  }

  test::temporary_folder folder_;
  std::filesystem::path from_;
  std::shared_ptr<const checkpoint> folder_model_, file_model_;
};

TEST_P(GgufCheckpoint, ShapeAndPositionsAreTheFolders) {
  const auto &a = folder_model_->config, &b = file_model_->config;
  EXPECT_EQ(a.cache_geometry(kv::dtype::f32), b.cache_geometry(kv::dtype::f32));
  EXPECT_EQ(std::tie(a.hidden, a.heads, a.ffn, a.vocabulary, a.context, a.tied_embeddings, a.attention_bias),
            std::tie(b.hidden, b.heads, b.ffn, b.vocabulary, b.context, b.tied_embeddings, b.attention_bias));
  EXPECT_EQ(a.rms_norm_eps, b.rms_norm_eps);
  auto expected = rotary_frequencies(a), found = rotary_frequencies(b);
  ASSERT_EQ(expected.size(), found.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-6f * expected[i]) << i;
}

TEST_P(GgufCheckpoint, EveryTensorHasTheFoldersValues) {
  for (const auto& [name, shape] : expected_tensors(folder_model_->config)) {
    auto expected = values_of(*folder_model_, name);
    expected = test::rounded(expected, test::stored_type(shape, GetParam().type));
    EXPECT_EQ(values_of(*file_model_, name), expected) << name;
  }
  file_model_->weights.release_pages();
  auto name = "model.layers.0.self_attn.q_proj.weight";
  EXPECT_EQ(values_of(*file_model_, name), test::rounded(values_of(*folder_model_, name), GetParam().type));
}

TEST_P(GgufCheckpoint, TextsAreTheFoldersTokens) {
  for (auto text : texts)
    EXPECT_EQ(file_model_->tokenizer->encode(text), folder_model_->tokenizer->encode(text)) << text;
  ASSERT_GE(folder_model_->tokenizer->size(), file_model_->tokenizer->size() / 2);
  for (kv::token_id id = 0; id < folder_model_->tokenizer->size(); ++id)
    if (auto bytes = folder_model_->tokenizer->bytes(id); bytes != "<unk>") {
      EXPECT_EQ(file_model_->tokenizer->bytes(id), bytes) << id;
    }
}

TEST_P(GgufCheckpoint, ConversationsAreWrittenAsTheFolderWritesThem) {
  std::vector<message> said{{"user", "Hello <|user|>"}, {"assistant", "Yes?"}, {"user", "Bye"}};
  auto tokens = [&](const checkpoint& c) {
    auto all = c.chat.head("", {.now_s = 0});
    for (const auto& part : c.chat.go_on({}, said, {.now_s = 0}).messages)
      all.insert(all.end(), part.begin(), part.end());
    auto end = c.chat.answer_prompt();
    all.insert(all.end(), end.begin(), end.end());
    return all;
  };
  EXPECT_EQ(tokens(*file_model_), tokens(*folder_model_));
  EXPECT_EQ(file_model_->chat.answer_end(), folder_model_->chat.answer_end());
  EXPECT_TRUE(file_model_->config.is_end_of_answer(folder_model_->chat.answer_end()));
}

TEST_P(GgufCheckpoint, QuantisedWeightsAreATraitThatNotEveryBackendHas) {
  bool quantised = GetParam().type == gguf_type::q8_0;
  EXPECT_EQ(traits_beyond_llama(file_model_->config),
            quantised ? std::vector<std::string>{"weights in Q8_0"} : std::vector<std::string>{});
}

INSTANTIATE_TEST_SUITE_P(Kinds, GgufCheckpoint,
                         testing::Values(kind{"Embedded", ""}, kind{"EmbeddedF16", "", gguf_type::f16},
                                         kind{"EmbeddedQ8", "", gguf_type::q8_0},
                                         kind{"MistralF32", "mistral-tiny", gguf_type::f32},
                                         kind{"Qwen2", "qwen2-tiny"}, kind{"Llama3", "llama3-tiny"}),
                         [](const auto& k) { return k.param.name; });

/// Files of the embedded model that are wrong in one place.
class BadGguf : public testing::Test {
 protected:
  std::string open(const std::function<void(gguf_writer&)>& add, const std::function<void(std::string&)>& spoil = {}) {
    auto file = folder_ / "m.gguf";
    auto bytes = test::gguf_of(small(), {.type = gguf_type::bf16, .more_keys = add}).file();
    if (spoil) spoil(bytes);
    test::write_bytes(file, bytes);
    auto why = test::reason([&] { checkpoint::open(file); });
    EXPECT_THAT(why, testing::Not(HasSubstr("\n")));
    return why;
  }
  std::filesystem::path small() {
    auto at = folder_ / "model";
    if (!std::filesystem::exists(at)) make_checkpoint("qwen2-tiny", 1, at, embedded);
    return at;
  }
  /// Of the same length.
  static std::function<void(std::string&)> replaced(const std::string& from, const std::string& to) {
    return [=](std::string& bytes) {
      auto at = bytes.find(from);
      ASSERT_NE(at, bytes.npos) << from;
      bytes.replace(at, from.size(), to);
    };
  }

  test::temporary_folder folder_;
};

TEST_F(BadGguf, TheFileItselfIsFine) { EXPECT_EQ(open({}), "no error"); }

TEST_F(BadGguf, AnUnknownArchitectureIsNamed) {
  EXPECT_THAT(open({}, replaced("qwen2", "mamba")),
              AllOf(HasSubstr("m.gguf: \"general.architecture\" is \"mamba\""), HasSubstr("served: gemma, gemma2")));
}

TEST_F(BadGguf, AKeyThatIsMissingIsNamedAsTheFileHasIt) {
  EXPECT_THAT(open({}, replaced("qwen2.block_count", "qwen2.block_c0unt")),
              HasSubstr("\"qwen2.block_count\" is missing"));
  EXPECT_THAT(open({}, replaced("tokenizer.ggml.merges", "tokenizer.ggml.m3rges")),
              HasSubstr("\"tokenizer.ggml.merges\" is missing"));
}

TEST_F(BadGguf, WhatConfigJsonWouldBeRefusedForIsNamedByItsOwnKey) {
  EXPECT_THAT(open([](gguf_writer& w) { w.number("qwen2.attention.key_length", 20); }), HasSubstr("m.gguf: "));
  EXPECT_THAT(open({}, replaced("qwen2.context_length", "qwen2.context_lengtH")),
              HasSubstr("\"qwen2.context_length\" is missing"));
}

TEST_F(BadGguf, KeysThatChangeTheComputationAreRefused) {
  EXPECT_THAT(open([](gguf_writer& w) { w.flag("qwen2.attention.causal", false); }),
              HasSubstr("\"qwen2.attention.causal\" is false, which is not supported"));
  EXPECT_EQ(open([](gguf_writer& w) { w.flag("qwen2.attention.causal", true); }), "no error");
  EXPECT_THAT(open([](gguf_writer& w) { w.number("qwen2.attention.value_length", 48); }),
              HasSubstr("\"qwen2.attention.value_length\" is 48"));
  EXPECT_THAT(open([](gguf_writer& w) { w.number("qwen2.expert_count", 8); }), HasSubstr("experts"));
}

TEST_F(BadGguf, ATensorThatWouldBeLeftOutIsRefused) {
  auto add = [](const char* name) {
    return [=](gguf_writer& w) { w.tensor(name, {64}, gguf_type::f32, std::string(256, 0)); };
  };
  EXPECT_THAT(open(add("blk.0.attn_output.bias")), HasSubstr("self_attn.o_proj.bias belongs to the model"));
  EXPECT_THAT(open(add("blk.0.something_new.weight")), HasSubstr("something_new.weight belongs to the model"));
  EXPECT_EQ(open(add("mm.projector.weight")), "no error");
}

TEST_F(BadGguf, ATensorOfAnotherShapeOrKind) {
  EXPECT_THAT(open({}, replaced("blk.1.attn_output.weight", "blk.1.attn_outpUt.weight")),
              AllOf(HasSubstr("tensor model.layers.1.self_attn.o_proj.weight is missing"),
                    EndsWith("in GGUF it is blk.1.attn_output.weight")));
  EXPECT_THAT(open({},
                   [](std::string& bytes) {
                     auto at = bytes.find("blk.1.attn_output.weight");
                     bytes[at + 24 + 4 + 2 * 8] = 24;  // I8, which is as long as there are elements
                   }),
              HasSubstr("self_attn.o_proj.weight: element type I8 is not known; known: F32"));
}

TEST_F(BadGguf, TokenizersThatAreNotServed) {
  auto gpt2 = std::string("\4\0\0\0\0\0\0\0gpt2", 12), bert = std::string("\4\0\0\0\0\0\0\0bert", 12);
  EXPECT_THAT(open({}, replaced(gpt2, bert)), HasSubstr("\"tokenizer.ggml.model\" is \"bert\", which is not served"));
}

TEST_F(BadGguf, ATemplateThatIsMissingSaysWhichAreThere) {
  EXPECT_THAT(open({}, replaced("tokenizer.chat_template", "tokenizer.chat_templatE")),
              HasSubstr("\"tokenizer.chat_template\" is missing; a chat model is needed"));
  EXPECT_THAT(open([](gguf_writer& w) { w.text("tokenizer.chat_template.tool_use", "x"); },
                   replaced("tokenizer.chat_template", "tokenizer.chat_templatE")),
              HasSubstr("only tokenizer.chat_template.tool_use"));
}

TEST_F(BadGguf, SpecialTokensOutsideTheVocabulary) {
  EXPECT_THAT(open([](gguf_writer& w) { w.number("tokenizer.ggml.eot_token_id", 5000); }),
              HasSubstr("\"tokenizer.ggml.eot_token_id\" is 5000"));
  EXPECT_THAT(open([](gguf_writer& w) { w.number("tokenizer.ggml.padding_token_id", 5000); }),
              HasSubstr("\"tokenizer.ggml.padding_token_id\" must be"));
}

}  // namespace
}  // namespace chromatin::model
