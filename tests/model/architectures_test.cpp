// What config.json says of models other than LLaMA: what can be served, and what is refused with the way out.

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/load_error.hpp"
#include "model/make_checkpoint.hpp"
#include "tests/model/load_reason.hpp"
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
    return load_reason([&] { open(); });
  }

  test::temporary_folder folder;
  json config;
};

TEST_F(Architecture, Qwen2HasBiasesAndItsOwnTokenizerAndTemplate) {
  make("qwen2-tiny");
  auto qwen2 = open();
  EXPECT_TRUE(qwen2->config.attention_bias);
  EXPECT_EQ(qwen2->weights.at("model.layers.2.self_attn.k_proj.bias").size(), 16u);
  EXPECT_EQ(qwen2->chat.name(), "tokenizer_config.json");
  EXPECT_EQ(qwen2->chat.answer_end(), 502u);
  EXPECT_FALSE(qwen2->chat.head("").empty());
  std::string back;
  for (auto id : qwen2->tokenizer->encode("Is the café open, 日本?")) back += qwen2->tokenizer->bytes(id);
  EXPECT_EQ(back, "Is the café open, 日本?");
}

TEST_F(Architecture, OfLlama3AnyOfTheEndTokensEndsAnAnswer) {
  make("llama3-tiny");
  std::ofstream{folder / "generation_config.json"} << R"({"eos_token_id": [501, 507]})";
  auto llama3 = open();
  EXPECT_THAT(llama3->config.end_of_answer, ElementsAre(501, 508, 509, 507));
  EXPECT_EQ(llama3->chat.answer_end(), 509u);
  EXPECT_EQ(llama3->config.scaling.type, rope_scaling::kind::llama3);
}

TEST_F(Architecture, AMistralsHeadsMayBeWiderThanTheHiddenStateDividedByTheirNumber) {
  make("mistral-tiny");
  auto mistral = open();
  EXPECT_EQ(mistral->config.head_dim, 48u);
}

TEST_F(Architecture, OfAMistralEveryLayerSlidesWhereItHasAWindow) {
  make("mistral-tiny");
  EXPECT_EQ(open()->config.traits_of(1).window, 4096u) << "as transformers has it where the key is absent";
  config["sliding_window"] = nullptr;
  EXPECT_EQ(open()->config.traits_of(1).window, 0u);
  config["sliding_window"] = 128;
  for (auto l : {0, 1}) EXPECT_EQ(open()->config.traits_of(l).window, 128u);
  config["sliding_window"] = 0;
  EXPECT_THAT(reason(), HasSubstr("config.json: \"sliding_window\" must be a whole number"));
}

TEST_F(Architecture, ASlidingWindowOfAnArchitectureWithoutOneIsRefusedWithTheWayOut) {
  make("llama3-tiny");
  config["sliding_window"] = nullptr;
  EXPECT_EQ(reason(), "no error");
  config["sliding_window"] = 512;  // the whole context
  EXPECT_EQ(reason(), "no error");
  config["sliding_window"] = 128;
  EXPECT_THAT(reason(), AllOf(HasSubstr("a sliding window of 128 tokens is not known of this architecture"),
                              HasSubstr("set \"max_position_embeddings\" to 128")));
  config["max_position_embeddings"] = 128;
  EXPECT_EQ(open()->config.context, 128u);
  config["max_position_embeddings"] = 512;
  std::ofstream{folder / "config.json"} << config;
  EXPECT_EQ(checkpoint::open(folder.path(), 128)->config.context, 128u);
  EXPECT_THROW(checkpoint::open(folder.path(), 129), load_error);
}

TEST_F(Architecture, AQwen2SlidesOnlyWhereItSaysSo) {
  make("qwen2-tiny");
  auto windows = [&] {
    std::vector<std::uint32_t> all;
    auto c = open()->config;
    for (std::uint32_t l = 0; l < c.layers; ++l) all.push_back(c.traits_of(l).window);
    return all;
  };
  config["sliding_window"] = 128;
  EXPECT_THAT(windows(), ElementsAre(0, 0, 0));
  config["use_sliding_window"] = true;
  EXPECT_THAT(windows(), ElementsAre(0, 0, 0)) << "max_window_layers is 28 where it is absent";
  config["max_window_layers"] = 1;
  EXPECT_THAT(windows(), ElementsAre(0, 128, 128));
  config["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
  EXPECT_THAT(windows(), ElementsAre(0, 128, 0));
  config["use_sliding_window"] = false;
  EXPECT_THAT(reason(), HasSubstr("\"layer_types\" names sliding_attention, but \"sliding_window\" is missing"));
  config["layer_types"] = {"full_attention"};
  EXPECT_THAT(reason(), HasSubstr("\"layer_types\" has 1 entries, the model 3 layers"));
  config["layer_types"] = {"full_attention", "linear_attention", "full_attention"};
  EXPECT_THAT(reason(), HasSubstr("\"layer_types\": \"linear_attention\" is not supported"));
}

TEST_F(Architecture, UnknownStretchingOfPositionsIsRefusedByName) {
  make("llama3-tiny");
  config["rope_scaling"]["rope_type"] = "xpos";
  EXPECT_THAT(reason(), HasSubstr("\"xpos\" is not known; known: default, linear, dynamic, yarn, longrope, llama3"));
}

TEST_F(Architecture, BiasesThatTheConfigNamesMustBeThere) {
  make("llama3-tiny");
  config["attention_bias"] = true;
  EXPECT_THAT(reason(), HasSubstr("q_proj.bias is missing"));
  make_checkpoint("phi3-tiny", 1, folder / "phi3", std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge");
  config = json::parse(std::ifstream{folder / "phi3" / "config.json"});
  config["attention_bias"] = true;
  std::ofstream{folder / "phi3" / "config.json"} << config;
  EXPECT_THROW(checkpoint::open(folder / "phi3"), load_error);
}

TEST_F(Architecture, WhatWouldChangeTheComputationAndIsNotBuiltIsRefusedByFileAndKey) {
  make("llama3-tiny");
  const auto sound = config;
  const std::pair<const char*, json> unbuilt[]{{"mlp_bias", true},
                                               {"hidden_act", "gelu"},
                                               {"hidden_activation", "gelu_pytorch_tanh"},
                                               {"partial_rotary_factor", 0.5},
                                               {"quantization_config", {{"quant_method", "gptq"}, {"bits", 4}}},
                                               {"num_local_experts", 8},
                                               {"attn_logit_softcapping", 50.0},
                                               {"final_logit_softcapping", 30.0},
                                               {"logit_scale", 0.0625},
                                               {"embedding_multiplier", 12},
                                               {"residual_multiplier", 0.22},
                                               {"use_qk_norm", true},
                                               {"clip_qkv", 8},
                                               {"no_rope_layers", {1, 1, 0}},
                                               {"norm_type", "layer_norm"},
                                               {"is_causal", false},
                                               {"model_type", "granite"}};
  for (const auto& [key, value] : unbuilt) {
    config = sound;
    config[key] = value;
    EXPECT_THAT(reason(), AllOf(HasSubstr("config.json"), HasSubstr(key)));
  }
}

TEST_F(Architecture, KeysThatChangeNothingMayBeThere) {
  make("llama3-tiny");
  config.update({{"attention_bias", false},
                 {"mlp_bias", false},
                 {"partial_rotary_factor", 1.0},
                 {"num_experts", 0},
                 {"logit_scale", 1.0},
                 {"hidden_act", "swish"},
                 {"use_cache", true},
                 {"pretraining_tp", 1},
                 {"attention_dropout", 0.0},
                 {"_name_or_path", "somewhere"},
                 {"layer_types", {"full_attention", "full_attention", "full_attention"}}});
  EXPECT_EQ(reason(), "no error");
}

TEST_F(Architecture, PositionsAreReadAsTransformers5WritesThem) {
  make("llama3-tiny");
  auto before = open();
  config["rope_parameters"] = config["rope_scaling"];
  config["rope_parameters"]["rope_theta"] = config["rope_theta"];
  for (auto key : {"rope_scaling", "rope_theta"}) config.erase(key);
  EXPECT_EQ(open()->config.scaling, before->config.scaling);
  config["rope_parameters"]["rope_theta"] = 500000.0;
  EXPECT_EQ(open()->config.rope_theta, 500000.0f);
  config["rope_theta"] = 500000.0;
  EXPECT_EQ(reason(), "no error");
  config["rope_theta"] = 10000.0;
  EXPECT_THAT(reason(), HasSubstr("config.json: \"rope_theta\" and the one in \"rope_parameters\" differ"));
  config.erase("rope_theta");
  config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 2.0}};
  EXPECT_THAT(reason(), HasSubstr("config.json: \"rope_scaling\" and \"rope_parameters\" differ"));
  config.erase("rope_scaling");
  config["rope_parameters"] = {{"full_attention", {{"rope_theta", 10000.0}}}};
  EXPECT_THAT(reason(), HasSubstr("config.json: rope_parameters: \"full_attention\" is not known"));
}

TEST_F(Architecture, StretchingOfPositionsIsNeverGuessed) {
  make("llama3-tiny");
  const auto llama3 = config["rope_scaling"];
  const std::pair<json, const char*> cases[]{
      {{{"type", "linear"}}, "rope_scaling: \"factor\" is missing"},
      {{{"factor", 4.0}}, "rope_scaling: \"\" is not known"},
      {{{"rope_type", "linear"}, {"type", "dynamic"}, {"factor", 4.0}}, "\"rope_type\" and \"type\" differ"},
      {{{"rope_type", "longrope"}}, "\"short_factor\" is missing"},
      {{{"rope_type", "longrope"}, {"short_factor", {1, 2}}}, "\"short_factor\" has 2 entries, a head 16 pairs"},
      {{{"rope_type", "yarn"}}, "\"factor\" is missing"},
      {{{"rope_type", "yarn"}, {"factor", 4}, {"beta_fast", 1}, {"beta_slow", 2}}, "\"beta_fast\" must be above"},
      {{{"rope_type", "dynamic"}, {"factor", "two"}}, "\"factor\" must be a number"},
      {{{"rope_type", "default"}, {"mrope_section", {16, 24, 24}}}, "\"mrope_section\" is not known"},
      {{{"rope_type", "default"}, {"rope_theta", 5e5}}, "\"rope_theta\" differs from the one outside"},
      {{{"rope_type", "default"}, {"partial_rotary_factor", 0.25}}, "\"partial_rotary_factor\": 0.25 is not supported"},
      {"linear", "rope_scaling: must be an object"}};
  for (const auto& [scaling, expected] : cases) {
    config["rope_scaling"] = scaling;
    EXPECT_THAT(reason(), AllOf(HasSubstr("config.json: rope_scaling"), HasSubstr(expected)));
  }
  for (auto key : {"factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"}) {
    config["rope_scaling"] = llama3;
    config["rope_scaling"].erase(key);
    EXPECT_THAT(reason(), AllOf(HasSubstr("config.json: rope_scaling"), HasSubstr(key), HasSubstr("is missing")));
  }
  config["rope_scaling"] = llama3;
  config["max_position_embeddings"] = 64;  // a shorter context than the model was first trained on
  config["rope_scaling"]["original_max_position_embeddings"] = 128;
  EXPECT_EQ(reason(), "no error");
}

TEST_F(Architecture, ATokenizerLargerThanTheVocabularyIsRefused) {
  make("llama3-tiny");
  config["vocab_size"] = 509;
  config["eos_token_id"] = 501;
  EXPECT_THAT(reason(), HasSubstr("needs the token <|eot_id|>, for which the model's vocabulary has no row"));
}

}  // namespace
}  // namespace chromatin::model
