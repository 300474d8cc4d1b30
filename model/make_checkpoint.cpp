#include "model/make_checkpoint.hpp"

#include <bit>
#include <fstream>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/load_error.hpp"
#include "model/tokenizer.hpp"
#include "model/weights.hpp"

namespace chromatin::model {
namespace {

const std::map<std::string, config>& shapes() {
  static const std::map<std::string, config> all{{"concierge",
                                                  {.layers = 6,
                                                   .hidden = 256,
                                                   .heads = 4,
                                                   .kv_heads = 2,
                                                   .head_dim = 64,
                                                   .ffn = 688,
                                                   .vocabulary = 4096,
                                                   .context = 1024,
                                                   .tied_embeddings = true}},
                                                 {"134m",
                                                  {.layers = 30,
                                                   .hidden = 576,
                                                   .heads = 9,
                                                   .kv_heads = 3,
                                                   .head_dim = 64,
                                                   .ffn = 1536,
                                                   .vocabulary = 49152,
                                                   .context = 8192,
                                                   .tied_embeddings = true}},
                                                 {"tinyllama-1.1b",
                                                  {.layers = 22,
                                                   .hidden = 2048,
                                                   .heads = 32,
                                                   .kv_heads = 4,
                                                   .head_dim = 64,
                                                   .ffn = 5632,
                                                   .vocabulary = 32000,
                                                   .context = 8192}}};
  return all;
}

/// SplitMix64: small, fast, and the same on every machine.
struct generator {
  std::uint64_t state;
  std::uint64_t next() {
    auto z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  /// About normal with deviation 0.02: the sum of four uniform values.
  float weight() {
    auto bits = next();
    auto sum = static_cast<float>(bits & 0xffff) + static_cast<float>(bits >> 16 & 0xffff) +
               static_cast<float>(bits >> 32 & 0xffff) + static_cast<float>(bits >> 48);
    return (sum - 2 * 65535.0f) * (0.02f / 37837.0f);
  }
};

std::uint16_t to_bf16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

void write_weights(const config& c, std::uint64_t seed, std::ofstream& out) {
  nlohmann::ordered_json header;
  std::uint64_t at = 0;
  auto tensors = expected_tensors(c);
  for (const auto& [name, shape] : tensors) {
    std::uint64_t size = 2;
    for (auto dimension : shape) size *= dimension;
    header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {at, at + size}}};
    at += size;
  }
  auto text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::uint64_t text_bytes = text.size();
  out.write(reinterpret_cast<const char*>(&text_bytes), sizeof text_bytes);
  out << text;
  generator random{seed};
  std::vector<std::uint16_t> row;
  for (const auto& [name, shape] : tensors) {
    bool gain = shape.size() == 1;
    row.resize(shape.back());
    for (std::uint64_t r = 0; r < (gain ? 1 : shape[0]); ++r) {
      for (auto& value : row) value = to_bf16(gain ? 1.0f : random.weight());
      out.write(reinterpret_cast<const char*>(row.data()), static_cast<std::streamsize>(2 * row.size()));
    }
  }
}

/// A SentencePiece model is a protobuf message whose field 1 repeats, so more pieces can simply be appended.
std::string padded_tokenizer(const std::filesystem::path& embedded, std::uint32_t vocabulary) {
  auto content = read_file(embedded / "tokenizer.model");
  for (auto i = tokenizer::open(embedded)->size(); i < vocabulary; ++i) {
    auto name = fmt::format("<unused_{}>", i);
    std::string piece{"\x0a"};  // field 1, bytes: the text
    piece += static_cast<char>(name.size()) + name;
    piece += std::string("\x15\0\0\0\0", 5);  // field 2, float: the score 0
    piece += "\x18\x05";                      // field 3, enum: UNUSED
    content += std::string{"\x0a"} + static_cast<char>(piece.size()) + piece;
  }
  return content;
}

void write_text(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out{file, std::ios::binary};
  if (!(out << text) || !out.flush()) throw load_error(fmt::format("{}: cannot be written", file.string()));
}

}  // namespace

std::vector<std::string> checkpoint_shapes() {
  std::vector<std::string> names;
  for (const auto& [name, shape] : shapes()) names.push_back(name);
  return names;
}

void make_checkpoint(const std::string& shape, std::uint64_t seed, const std::filesystem::path& folder,
                     const std::filesystem::path& embedded) {
  auto found = shapes().find(shape);
  if (found == shapes().end())
    throw load_error(fmt::format("shape {} is not known; known: {}", shape, fmt::join(checkpoint_shapes(), ", ")));
  if (std::filesystem::exists(folder / "config.json"))
    throw load_error(fmt::format("{} holds a checkpoint already", folder.string()));
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw load_error(fmt::format("{}: {}", folder.string(), error.message()));
  const auto& c = found->second;
  write_text(folder / "tokenizer.model", padded_tokenizer(embedded, c.vocabulary));
  for (auto name : {"tokenizer_config.json", "generation_config.json"})
    write_text(folder / name, read_file(embedded / name));
  std::ofstream weights{folder / "model.safetensors", std::ios::binary};
  write_weights(c, seed, weights);
  if (!weights.flush()) throw load_error(fmt::format("{}: cannot be written", (folder / "model.safetensors").string()));
  nlohmann::ordered_json config{{"architectures", {"LlamaForCausalLM"}},
                                {"model_type", "llama"},
                                {"hidden_size", c.hidden},
                                {"num_hidden_layers", c.layers},
                                {"num_attention_heads", c.heads},
                                {"num_key_value_heads", c.kv_heads},
                                {"intermediate_size", c.ffn},
                                {"vocab_size", c.vocabulary},
                                {"max_position_embeddings", c.context},
                                {"rms_norm_eps", 1e-5},
                                {"rope_theta", 10000.0},
                                {"hidden_act", "silu"},
                                {"tie_word_embeddings", c.tied_embeddings},
                                {"bos_token_id", 1},
                                {"eos_token_id", 2},
                                {"torch_dtype", "bfloat16"}};
  write_text(folder / "config.json", config.dump(2) + "\n");  // last: a folder with a config is complete
}

}  // namespace chromatin::model
