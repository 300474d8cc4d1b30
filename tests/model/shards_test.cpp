// Which tensors of which file are used: the index decides, only what is needed matters, nothing of the model is left
// out.

#include "model/shards.hpp"

#include <cstring>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/make_checkpoint.hpp"
#include "tests/model/kept_files.hpp"
#include "tests/model/load_reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// A safetensors file, in pieces.
struct weights_file {
  json header;
  std::string data;

  explicit weights_file(const std::filesystem::path& file) {
    auto text = read_file(file);
    std::uint64_t length = 0;
    std::memcpy(&length, text.data(), 8);
    header = json::parse(text.substr(8, length));
    data = text.substr(8 + length);
  }
  void add(const std::string& name, const char* type, const json& shape, const std::string& bytes) {
    header[name] = {{"dtype", type}, {"shape", shape}, {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  void write(const std::filesystem::path& file) const {
    auto text = header.dump();
    std::uint64_t length = text.size();
    std::ofstream out{file, std::ios::binary};
    out.write(reinterpret_cast<const char*>(&length), 8) << text << data;
  }
};

class Shards : public testing::Test {
 protected:
  Shards() {
    make_checkpoint("qwen2-tiny", 1, folder.path(), embedded);
    make_checkpoint("qwen2-tiny", 2, other.path(), embedded);
  }

  /// Two shards that both have every tensor, with different values; the index sends all to the first, but `norm`.
  void shard(const std::string& norm_file) {
    weights_file first{folder / "model.safetensors"}, second{other / "model.safetensors"};
    std::filesystem::remove(folder / "model.safetensors");
    first.write(folder / "a.safetensors");
    second.write(folder / "b.safetensors");
    for (const auto& [name, entry] : first.header.items()) map[name] = "a.safetensors";
    map["model.norm.weight"] = norm_file;
    write_index();
  }
  void write_index() { std::ofstream{folder / "model.safetensors.index.json"} << json{{"weight_map", map}}; }

  void edit(const std::function<void(weights_file&)>& change) {
    weights_file weights{folder / "model.safetensors"};
    change(weights);
    weights.write(folder / "model.safetensors");
  }
  std::shared_ptr<const checkpoint> open() { return checkpoint::open(folder.path()); }
  std::string reason() {
    return load_reason([&] { open(); });
  }

  test::temporary_folder folder, other;
  json map;
};

std::string bytes_of(const checkpoint& c, const char* name) {
  auto bytes = c.weights.at(name).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_F(Shards, OfTwoFilesWithOneTensorTheIndexDecides) {
  auto one = open(), two = checkpoint::open(other.path());
  ASSERT_NE(bytes_of(*one, "model.norm.weight"), bytes_of(*two, "model.norm.weight"));
  shard("b.safetensors");
  auto mixed = open();
  EXPECT_EQ(bytes_of(*mixed, "model.norm.weight"), bytes_of(*two, "model.norm.weight"));
  EXPECT_EQ(bytes_of(*mixed, "model.embed_tokens.weight"), bytes_of(*one, "model.embed_tokens.weight"));
  map["model.norm.weight"] = "a.safetensors";
  map["model.embed_tokens.weight"] = "b.safetensors";
  write_index();
  auto other_mix = open();
  EXPECT_EQ(bytes_of(*other_mix, "model.norm.weight"), bytes_of(*one, "model.norm.weight"));
  EXPECT_NE(other_mix->fingerprint, mixed->fingerprint);  // the same files, another model
}

TEST_F(Shards, ATensorThatIsNotWhereTheIndexSaysIsAnError) {
  shard("b.safetensors");
  weights_file second{folder / "b.safetensors"};
  second.header.erase("model.norm.weight");
  second.write(folder / "b.safetensors");
  EXPECT_THAT(reason(),
              AllOf(HasSubstr("model.safetensors.index.json: tensor model.norm.weight is not in b.safetensors"),
                    HasSubstr("weight_map")));
}

TEST_F(Shards, ATensorThatTheIndexDoesNotNameMustBeInOneFileOnly) {
  shard("a.safetensors");
  map.erase("model.norm.weight");
  map["beside"] = "b.safetensors";
  write_index();
  EXPECT_THAT(reason(), HasSubstr("\"weight_map\" does not name tensor model.norm.weight, which several files have"));
  map["beside"] = "a.safetensors";
  write_index();
  EXPECT_EQ(reason(), "no error");
  map["model.norm.weight"] = nullptr;  // the same
  write_index();
  EXPECT_EQ(reason(), "no error");
}

TEST_F(Shards, AShardIsAFileOfTheFolder) {
  shard("b.safetensors");
  for (const char* name : {"", ".", "..", "../a.safetensors", "/a.safetensors"}) {
    map["model.norm.weight"] = name;
    write_index();
    EXPECT_THAT(reason(), HasSubstr("model.safetensors.index.json: weight_map: the file of model.norm.weight must be "
                                    "a name in this folder"))
        << name;
  }
}

TEST_F(Shards, TypesOfTensorsThatNobodyNeedsDoNotMatter) {
  edit([](weights_file& w) {
    w.add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, "abcd");
    w.add("position_ids", "I64", {2}, std::string(16, 'x'));
    w.add("mask", "BOOL", {1ull << 40, 1ull << 40}, "x");
  });
  EXPECT_EQ(reason(), "no error");
  edit([](weights_file& w) { w.header["model.norm.weight"]["dtype"] = "F8_E4M3"; });
  EXPECT_THAT(reason(),
              HasSubstr("tensor model.norm.weight: element type F8_E4M3 is not known; known: BF16, F16, F32"));
}

TEST_F(Shards, APartOfTheModelThatTheConfigDoesNotSpeakOfIsNotLeftOut) {
  auto sound = weights_file{folder / "model.safetensors"};
  for (auto name : {"model.layers.0.self_attn.o_proj.bias", "model.layers.1.self_attn.q_norm.weight", "model.norm.bias",
                    "lm_head.bias"}) {
    auto weights = sound;
    weights.add(name, "BF16", {1}, "ab");
    weights.write(folder / "model.safetensors");
    EXPECT_THAT(reason(), AllOf(HasSubstr("model.safetensors"), HasSubstr(name), HasSubstr("would be left out")));
  }
  sound.add("lm_head.weight", "BF16", {1}, "ab");                     // tied: not used
  sound.add("model.layers.3.mlp.up_proj.weight", "BF16", {1}, "ab");  // a layer more than the model has
  sound.add("v_head.weight", "BF16", {1}, "ab");
  sound.write(folder / "model.safetensors");
  EXPECT_EQ(reason(), "no error");
}

}  // namespace
}  // namespace chromatin::model
