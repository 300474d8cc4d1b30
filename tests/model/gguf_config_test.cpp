// What the metadata of each architecture becomes: the traits that its config.json would give.

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/gguf/config_of.hpp"
#include "model/gguf/tensors_of.hpp"
#include "model/load_error.hpp"
#include "tests/model/gguf_of.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using test::gguf_type;
using test::gguf_writer;
using testing::HasSubstr;

/// Sizes that every architecture has; `add` adds the rest.
class GgufConfig : public testing::Test {
 protected:
  using more = std::function<void(gguf_writer&, const std::string&)>;

  gguf::contents contents(const std::string& name, const more& add = {}) {
    gguf_writer w;
    w.text("general.architecture", name);
    auto key = [&](const char* part) { return name + "." + part; };
    w.number(key("block_count"), 6).number(key("context_length"), 2048).number(key("embedding_length"), 64);
    w.number(key("feed_forward_length"), 96).number(key("attention.head_count"), 4);
    w.number(key("attention.head_count_kv"), 2).real(key("attention.layer_norm_rms_epsilon"), 1e-6f);
    w.tensor("token_embd.weight", {100, 64}, gguf_type::f16, std::string(12800, 0));
    if (add) add(w, name + ".");
    test::write_bytes(folder_ / "m.gguf", w.file());
    return gguf::contents::open(folder_ / "m.gguf");
  }
  config read(const std::string& name, const more& add = {}) { return gguf::config_of(contents(name, add), 0); }
  std::string refusal(const std::string& name, const more& add) {
    return test::reason([&] { read(name, add); });
  }

  test::temporary_folder folder_;
};

TEST_F(GgufConfig, Qwen3NormsQueriesAndKeys) {
  auto c = read("qwen3", [](auto& w, const auto& a) {
    w.number(a + "attention.key_length", 32).number(a + "attention.value_length", 32).real(a + "rope.freq_base", 1e6f);
  });
  EXPECT_TRUE(c.qk_norm);
  EXPECT_EQ(c.head_dim, 32u);
  EXPECT_EQ(c.rope_theta, 1e6f);
  EXPECT_TRUE(c.tied_embeddings);
}

TEST_F(GgufConfig, Qwen3MoeHasExperts) {
  auto c = read("qwen3moe", [](auto& w, const auto& a) {
    w.number(a + "attention.key_length", 16).number(a + "expert_count", 8).number(a + "expert_used_count", 2);
    w.number(a + "expert_feed_forward_length", 48);
  });
  EXPECT_EQ(std::tie(c.experts, c.experts_per_token, c.ffn), std::tuple(8u, 2u, 48u));
  EXPECT_TRUE(c.normalised_experts);
  EXPECT_THAT(refusal("qwen3moe", [](auto& w, const auto& a) { w.number(a + "expert_count", 0); }),
              HasSubstr("experts"));
}

TEST_F(GgufConfig, ATensorOfAllExpertsIsOneForEach) {
  auto from = contents("qwen3moe", [](auto& w, const auto&) {
    w.tensor("blk.0.ffn_up_exps.weight", {3, 2, 32}, gguf_type::f32,
             std::string(256, 'a') + std::string(256, 'b') + std::string(256, 'c'));
  });
  auto all = gguf::tensors_of(from, 4, 2).tensors;
  for (int e = 0; e < 3; ++e) {
    const auto& t = all.at("model.layers.0.mlp.experts." + std::to_string(e) + ".up_proj.weight");
    EXPECT_THAT(t.shape, testing::ElementsAre(2, 32));
    EXPECT_EQ(t.bytes.size(), 256u);
    EXPECT_EQ(t.bytes[0], static_cast<std::byte>('a' + e));
  }
}

TEST_F(GgufConfig, GemmaNormsHaveTheirOneAlready) {
  auto windows = [](auto& w, const auto& a) { w.number(a + "attention.sliding_window", 512); };
  auto c = read("gemma3", windows);
  EXPECT_FALSE(c.gain_plus_one);
  EXPECT_EQ(c.gate, activation::gelu_tanh);
  EXPECT_EQ(c.embedding_scale, 8);
  EXPECT_EQ(c.traits_of(0).window, 512u);
  EXPECT_EQ(c.traits_of(5).window, 0u);
  EXPECT_FLOAT_EQ(c.attention_scale, 0.25f);
  auto two = read("gemma2", [&](auto& w, const auto& a) {
    windows(w, a);
    w.real(a + "attn_logit_softcapping", 50).real(a + "final_logit_softcapping", 30);
  });
  EXPECT_FALSE(two.gain_plus_one);
  EXPECT_EQ(two.attention_soft_cap, 50);
  EXPECT_EQ(two.logit_soft_cap, 30);
}

TEST_F(GgufConfig, GraniteMultiplies) {
  auto c = read("granite", [](auto& w, const auto& a) {
    w.real(a + "attention.scale", 0.5f).real(a + "embedding_scale", 12).real(a + "residual_scale", 0.25f);
    w.real(a + "logit_scale", 8);
  });
  EXPECT_EQ(std::tie(c.attention_scale, c.embedding_scale, c.residual_scale, c.logit_scale),
            std::tuple(0.5f, 12.0f, 0.25f, 0.125f));
}

TEST_F(GgufConfig, Phi3RotatesAPartByListedFactors) {
  auto add = [](auto& w, const std::string& a, bool partly) {
    std::string factors;
    for (int i = 0; i < (partly ? 6 : 8); ++i) gguf_writer::put(factors, 1.0f + static_cast<float>(i));
    w.number(a + "rope.dimension_count", partly ? 12 : 16).number(a + "rope.scaling.original_context_length", 1024);
    w.real(a + "rope.scaling.attn_factor", 1.25f);
    for (auto name : {"rope_factors_long.weight", "rope_factors_short.weight"})
      w.tensor(name, {factors.size() / 4}, gguf_type::f32, factors);
  };
  for (bool partly : {false, true}) {
    auto c = read("phi3", [&](auto& w, const auto& a) { add(w, a, partly); });
    EXPECT_TRUE(c.fused_projections);
    EXPECT_EQ(c.rotary_values(), partly ? 12u : 16u);
    EXPECT_EQ(c.scaling.type, rope_scaling::kind::longrope);
    EXPECT_EQ(c.scaling.original_context, 1024u);
    EXPECT_EQ(c.scaling.attention_factor, 1.25f);
    EXPECT_EQ(c.scaling.long_factors.at(1), 2);
  }
}

TEST_F(GgufConfig, EveryFourthLayerOfSmolLM3HasNoPositions) {
  auto c = read("smollm3");
  EXPECT_TRUE(c.traits_of(2).rotates);
  EXPECT_FALSE(c.traits_of(3).rotates);
}

TEST_F(GgufConfig, PositionsAreStretchedAsTheFileSays) {
  auto linear = read("llama", [](auto& w, const auto& a) {
    w.text(a + "rope.scaling.type", "linear").real(a + "rope.scaling.factor", 4);
  });
  EXPECT_EQ(linear.scaling.type, rope_scaling::kind::linear);
  EXPECT_EQ(linear.scaling.factor, 4);
  auto old = read("llama", [](auto& w, const auto& a) { w.real(a + "rope.scale_linear", 2); });
  EXPECT_EQ(old.scaling.factor, 2);
  auto yarn = read("qwen2", [](auto& w, const auto& a) {
    w.text(a + "rope.scaling.type", "yarn").real(a + "rope.scaling.factor", 4);
    w.number(a + "rope.scaling.original_context_length", 512);
  });
  EXPECT_EQ(yarn.scaling.type, rope_scaling::kind::yarn);
  EXPECT_EQ(yarn.scaling.original_context, 512u);
  EXPECT_THAT(refusal("llama", [](auto& w, const auto& a) { w.text(a + "rope.scaling.type", "spiral"); }),
              HasSubstr("spiral"));
}

TEST_F(GgufConfig, MistralsWindowIsKept) {
  auto c = read("llama", [](auto& w, const auto& a) { w.number(a + "attention.sliding_window", 256); });
  EXPECT_EQ(c.traits_of(0).window, 256u);
}

TEST_F(GgufConfig, KeysThatNothingReadsAreListed) {
  auto c =
      read("llama", [](auto& w, const auto& a) { w.number(a + "something.new", 1).number(a + "vocab_size", 100); });
  EXPECT_THAT(c.unknown_keys, testing::ElementsAre("llama.something.new"));
}

TEST_F(GgufConfig, AListOfLayersHasAValueForEach) {
  auto heads = [&](const std::vector<std::int32_t>& all) {
    return refusal("qwen3", [&](auto& w, const auto& a) { w.numbers(a + "attention.key_length", all); });
  };
  EXPECT_EQ(heads({16, 16, 16, 16, 16, 16}), "no error");
  EXPECT_THAT(heads({16, 16, 16, 16, 16}), HasSubstr("\"qwen3.attention.key_length\" has 5 values for 6 layers"));
  EXPECT_THAT(heads({16, 16, 16, 16, 16, 16, 16}), HasSubstr("has 7 values for 6 layers"));
  EXPECT_THAT(heads({16, 16, 16, 32, 16, 16}), HasSubstr("differs from layer to layer"));
}

TEST_F(GgufConfig, WhatIsWrongIsNamedByTheFilesKey) {
  EXPECT_THAT(refusal("llama", [](auto& w, const auto& a) { w.real(a + "attention.scale", 0.5f); }),
              HasSubstr("m.gguf: llama.attention.scale is not supported"));
  EXPECT_THAT(refusal("llama", [](auto& w, const auto& a) { w.number(a + "attention.key_length", 1 << 20); }),
              HasSubstr("\"llama.attention.key_length\" must be"));
  EXPECT_THAT(refusal("llama", [](auto& w, const auto& a) { w.number(a + "expert_count", 8); }), HasSubstr("experts"));
  EXPECT_THAT(
      refusal("llama",
              [](auto& w, const auto&) { w.tensor("rope_freqs.weight", {3}, gguf_type::f32, std::string(12, 1)); }),
      HasSubstr("tensor rope_freqs.weight must have 8 numbers"));
}

}  // namespace
}  // namespace chromatin::model
