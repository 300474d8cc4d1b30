// Checkpoints that cannot be used: each a one-line reason that names what and where.

#include <cstring>
#include <fstream>
#include <functional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/make_checkpoint.hpp"
#include "model/safetensors.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/model/load_reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class BadCheckpoint : public testing::Test {
 protected:
  BadCheckpoint() { std::filesystem::copy(embedded, folder.path(), std::filesystem::copy_options::recursive); }

  void edit_config(const std::function<void(json&)>& edit) {
    auto config = json::parse(std::ifstream{folder / "config.json"});
    edit(config);
    std::ofstream{folder / "config.json"} << config;
  }
  std::string open() {
    return load_reason([&] { checkpoint::open(folder.path()); });
  }

  test::temporary_folder folder;
};

TEST_F(BadCheckpoint, TheCopyItselfIsFine) { EXPECT_EQ(open(), "no error"); }

TEST_F(BadCheckpoint, NoFolder) {
  EXPECT_THAT(load_reason([] { checkpoint::open("/nowhere/at/all"); }), HasSubstr("/nowhere/at/all: no such folder"));
}

TEST_F(BadCheckpoint, UnknownArchitecture) {
  edit_config([](json& c) { c["architectures"] = {"MambaForCausalLM"}; });
  EXPECT_THAT(open(), testing::AllOf(HasSubstr("MambaForCausalLM"), HasSubstr("LlamaForCausalLM, MistralForCausalLM")));
}

TEST_F(BadCheckpoint, AbsurdNumbers) {
  for (auto [key, value] : {std::pair<const char*, json>{"num_hidden_layers", 0},
                            {"hidden_size", -5},
                            {"vocab_size", 1ull << 60},
                            {"num_attention_heads", "four"},
                            {"rms_norm_eps", -1},
                            {"eos_token_id", 5000}}) {
    std::filesystem::copy(embedded / "config.json", folder / "config.json",
                          std::filesystem::copy_options::overwrite_existing);
    edit_config([&](json& c) { c[key] = value; });
    EXPECT_THAT(open(), testing::AllOf(HasSubstr("config.json"), HasSubstr(key)));
  }
}

TEST_F(BadCheckpoint, HeadsThatDoNotDivide) {
  edit_config([](json& c) { c["num_key_value_heads"] = 3; });
  EXPECT_THAT(open(), HasSubstr("not a multiple of 3"));
}

TEST_F(BadCheckpoint, ConfigIsNotJson) {
  std::ofstream{folder / "config.json"} << "{oops";
  EXPECT_THAT(open(), HasSubstr("not a JSON object"));
}

TEST_F(BadCheckpoint, WeightsAreMissing) {
  std::filesystem::remove(folder / "model.safetensors");
  EXPECT_THAT(open(), HasSubstr("neither model.safetensors nor"));
}

TEST_F(BadCheckpoint, WeightsAreTruncated) {
  std::filesystem::resize_file(folder / "model.safetensors", 1000000);
  EXPECT_THAT(open(), HasSubstr("is the download complete?"));
  std::filesystem::resize_file(folder / "model.safetensors", 100);
  EXPECT_THAT(open(), HasSubstr("more than there are"));
  std::filesystem::resize_file(folder / "model.safetensors", 3);
  EXPECT_THAT(open(), HasSubstr("too short"));
}

TEST_F(BadCheckpoint, AShardIsMissing) {
  std::filesystem::remove(folder / "model.safetensors");
  std::ofstream{folder / "model.safetensors.index.json"}
      << json{{"weight_map", {{"model.norm.weight", "a.safetensors"}}}};
  EXPECT_THAT(open(), HasSubstr("a.safetensors: No such file"));
  std::ofstream{folder / "model.safetensors.index.json"}
      << json{{"weight_map", {{"model.norm.weight", "../../etc/passwd"}}}};
  EXPECT_THAT(open(), HasSubstr("must be a name in this folder"));
}

TEST_F(BadCheckpoint, AShapeDoesNotFit) {
  edit_config([](json& c) { c["intermediate_size"] = 700; });
  EXPECT_THAT(open(), testing::AllOf(HasSubstr("mlp"), HasSubstr("the config asks for [700, 256]")));
}

TEST_F(BadCheckpoint, TheTokenizerIsNoTokenizer) {
  std::ofstream{folder / "tokenizer.model"} << "";
  EXPECT_THAT(open(), HasSubstr("tokenizer.model: not a SentencePiece model"));
}

TEST_F(BadCheckpoint, AnAdapterBesideTheModelWouldBeLeftOut) {
  std::ofstream{folder / "adapter_config.json"} << "{}";
  EXPECT_THAT(open(), HasSubstr("adapter_config.json: adapters are not supported"));
}

TEST_F(BadCheckpoint, NullIsAsGoodAsAbsentEverywhere) {
  edit_config([](json& c) {
    for (auto key : {"attention_bias", "mlp_bias", "hidden_act", "head_dim", "rope_scaling", "rope_parameters",
                     "sliding_window", "layer_types", "quantization_config", "rope_theta", "rms_norm_eps", "model_type",
                     "num_experts", "use_sliding_window", "bos_token_id"})
      c[key] = nullptr;
    c["head_dim"] = nullptr;
  });
  std::ofstream{folder / "generation_config.json"} << R"({"eos_token_id": null, "max_new_tokens": null})";
  EXPECT_EQ(open(), "no error");
  edit_config([](json& c) { c["rope_parameters"] = {{"rope_type", nullptr}, {"rope_theta", nullptr}}; });
  EXPECT_EQ(open(), "no error");
  edit_config([](json& c) { c["tie_word_embeddings"] = nullptr; });  // the weights have no lm_head
  EXPECT_THAT(open(), HasSubstr("tensor lm_head.weight is missing"));
  edit_config([](json& c) { c["architectures"] = nullptr; });
  EXPECT_THAT(open(), HasSubstr("architecture [] is not known"));
}

TEST_F(BadCheckpoint, NoTemplate) {
  std::ofstream{folder / "tokenizer_config.json"} << "{}";
  EXPECT_THAT(open(), HasSubstr("has no chat_template"));
}

std::string parse(const json& header, std::size_t data_bytes) {
  auto text = header.dump();
  std::vector<std::byte> file(8 + text.size() + data_bytes);
  std::uint64_t length = text.size();
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, text.data(), text.size());
  return load_reason([&] { parse_safetensors(file, "file"); });
}

TEST(Safetensors, EveryOffsetIsChecked) {
  auto entry = [](const char* type, json shape, json offsets) {
    return json{{"dtype", type}, {"shape", shape}, {"data_offsets", offsets}};
  };
  EXPECT_EQ(parse({{"a", entry("BF16", {2, 2}, {0, 8})}}, 8), "no error");
  EXPECT_THAT(parse({{"a", entry("BF16", {2, 2}, {0, 8})}}, 7), HasSubstr("a"));
  EXPECT_THAT(parse({{"a", entry("BF16", {2, 2}, {8, 0})}}, 8), HasSubstr("outside"));
  EXPECT_THAT(parse({{"a", entry("BF16", {2}, {0, 8})}}, 8), HasSubstr("its shape needs 4"));
  EXPECT_THAT(parse({{"a", entry("BF16", {2, 2}, {4, 12})}}, 8), HasSubstr("outside"));
  EXPECT_THAT(parse({{"a", entry("I8", {8}, {8, 0})}}, 8), HasSubstr("outside"));
  EXPECT_THAT(parse({{"a", entry("I8", {8}, {4, 12})}}, 8), HasSubstr("outside"));
  EXPECT_EQ(parse({{"a", entry("BF16", {4}, {0, 8})}, {"empty", entry("F32", {0}, {0, 0})}}, 8), "no error");
  EXPECT_THAT(parse({{"a", entry("BF16", {1ull << 40, 1ull << 40}, {0, 8})}}, 8),
              HasSubstr("more bytes than the file has"));
  EXPECT_THAT(parse({{"a", entry("BF16", {-1}, {0, 8})}}, 8), HasSubstr("whole numbers"));
  EXPECT_THAT(parse({{"a", 5}}, 8), HasSubstr("needs dtype"));
  EXPECT_THAT(parse({{"a", entry("BF16", {4}, {0, 8})}, {"b", entry("BF16", {4}, {4, 12})}}, 12), HasSubstr("overlap"));
}

TEST(MakeCheckpoint, TheSameSeedGivesTheSameModelAndItLoads) {
  test::temporary_folder folder;
  make_checkpoint("concierge", 1, folder / "a", embedded);
  make_checkpoint("concierge", 1, folder / "b", embedded);
  make_checkpoint("concierge", 2, folder / "c", embedded);
  auto a = checkpoint::open(folder / "a"), b = checkpoint::open(folder / "b"), c = checkpoint::open(folder / "c");
  EXPECT_EQ(a->fingerprint, b->fingerprint);
  EXPECT_NE(a->fingerprint, c->fingerprint);
  EXPECT_NE(a->cache_fingerprint(kv::dtype::f32), a->cache_fingerprint(kv::dtype::bf16));
  std::set<kv::fingerprint> prints;
  for (auto kind : {weight_kind::stored, weight_kind::int8, weight_kind::q4})
    prints.insert(a->cache_fingerprint(kv::dtype::f32, kind));
  EXPECT_EQ(prints.size(), 3u);
  EXPECT_THAT(load_reason([&] { make_checkpoint("concierge", 1, folder / "a", embedded); }),
              HasSubstr("holds a checkpoint already"));
  EXPECT_THAT(load_reason([&] { make_checkpoint("huge", 1, folder / "d", embedded); }),
              HasSubstr("known: 134m, concierge, llama-7b, llama3-1b"));
}

TEST(MakeCheckpoint, ALargerVocabularyIsPaddedWithUnusedPieces) {
  test::temporary_folder folder;
  make_checkpoint("134m", 1, folder / "m", embedded);
  auto m = checkpoint::open(folder / "m");
  EXPECT_EQ(m->tokenizer->size(), 49152u);
  EXPECT_EQ(m->tokenizer->encode("hello"), checkpoint::open(embedded)->tokenizer->encode("hello"));
}

}  // namespace
}  // namespace chromatin::model
