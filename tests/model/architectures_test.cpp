// What config.json says of models other than LLaMA: what can be served, and what is refused with the way out.

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/load_error.hpp"
#include "model/make_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Architecture : public testing::Test {
 protected:
  void make(const std::string& shape) {
    make_checkpoint(shape, 1, folder.path(), std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge");
    config = json::parse(std::ifstream{folder / "config.json"});
  }
  std::shared_ptr<const checkpoint> open() const {
    std::ofstream{folder / "config.json"} << config;
    return checkpoint::open(folder.path());
  }
  std::string reason() const {
    try {
      open();
    } catch (const load_error& e) {
      EXPECT_THAT(e.what(), testing::Not(HasSubstr("\n")));
      return e.what();
    }
    return "no error";
  }

  test::temporary_folder folder;
  json config;
};

TEST_F(Architecture, Qwen2HasBiasesAndItsOwnTokenizerAndTemplate) {
  make("qwen2-tiny");
  auto qwen2 = open();
  EXPECT_TRUE(qwen2->config.attention_bias);
  EXPECT_EQ(qwen2->weights.at("model.layers.2.self_attn.k_proj.bias").size(), 16u);
  EXPECT_EQ(qwen2->chat.name(), "ChatML");
  EXPECT_EQ(qwen2->chat.answer_end(), 502u);
  EXPECT_FALSE(qwen2->chat.default_system().empty());
  std::string back;
  for (auto id : qwen2->tokenizer->encode("Is the café open, 日本?")) back += qwen2->tokenizer->bytes(id);
  EXPECT_EQ(back, "Is the café open, 日本?");
}

TEST_F(Architecture, OfLlama3AnyOfTheEndTokensEndsAnAnswer) {
  make("llama3-tiny");
  std::ofstream{folder / "generation_config.json"} << R"({"eos_token_id": [501, 507]})";
  auto llama3 = open();
  EXPECT_THAT(llama3->config.end_of_answer, ElementsAre(501, 508, 509, 507));
  EXPECT_EQ(llama3->chat.name(), "Llama-3");
  EXPECT_EQ(llama3->chat.answer_end(), 509u);
  EXPECT_EQ(llama3->config.scaling.type, rope_scaling::kind::llama3);
}

TEST_F(Architecture, AMistralsHeadsMayBeWiderThanTheHiddenStateDividedByTheirNumber) {
  make("mistral-tiny");
  auto mistral = open();
  EXPECT_EQ(mistral->config.head_dim, 48u);
  EXPECT_EQ(mistral->chat.name(), "Mistral");
}

TEST_F(Architecture, ASlidingWindowIsRefusedWithTheWayOut) {
  make("mistral-tiny");
  config["sliding_window"] = nullptr;
  EXPECT_EQ(reason(), "no error");
  config["sliding_window"] = 512;  // the whole context
  EXPECT_EQ(reason(), "no error");
  config["sliding_window"] = 128;
  EXPECT_THAT(reason(), AllOf(HasSubstr("a sliding window of 128 tokens in a context of 512 is not supported"),
                              HasSubstr("set \"max_position_embeddings\" to 128")));
  config["max_position_embeddings"] = 128;
  EXPECT_EQ(open()->config.context, 128u);
}

TEST_F(Architecture, AQwen2SlidesOnlyWhereItSaysSo) {
  make("qwen2-tiny");
  config["sliding_window"] = 128;
  EXPECT_EQ(reason(), "no error");
  config["use_sliding_window"] = true;
  EXPECT_THAT(reason(), HasSubstr("a sliding window of 128 tokens"));
}

TEST_F(Architecture, UnknownStretchingOfPositionsIsRefusedByName) {
  make("llama3-tiny");
  config["rope_scaling"]["rope_type"] = "yarn";
  EXPECT_THAT(reason(), HasSubstr("\"yarn\" is not known; known: default, linear, llama3"));
}

TEST_F(Architecture, BiasesWhereWeHaveNoneAreRefused) {
  make("llama3-tiny");
  config["attention_bias"] = true;
  EXPECT_THAT(reason(), HasSubstr("attention_bias is not supported"));
}

TEST_F(Architecture, ATokenizerLargerThanTheVocabularyIsRefused) {
  make("llama3-tiny");
  config["vocab_size"] = 509;
  config["eos_token_id"] = 501;
  EXPECT_THAT(reason(), HasSubstr("the tokenizer has 510 pieces, the model a vocabulary of 509"));
}

}  // namespace
}  // namespace chromatin::model
