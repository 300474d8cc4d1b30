#include "tests/model/gguf_of.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

#include "model/checkpoint.hpp"
#include "model/rope.hpp"

namespace chromatin::test {
namespace {

using nlohmann::json;

constexpr std::size_t block = 32;

/// Of values that are normal in half precision or zero; to nearest, ties away from zero, which both sides of a test
/// see.
std::uint16_t to_f16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  auto exponent = static_cast<int>(bits >> 23 & 255) - 112;
  if (exponent <= 0)
    return static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::lround(std::abs(value) * 0x1p24f)));
  auto rounded = (static_cast<std::uint32_t>(exponent) << 23 | (bits & 0x7fffffu)) + 0x1000u;
  return static_cast<std::uint16_t>(sign | rounded >> 13);
}

float from_f16(std::uint16_t h) {
  model::tensor one{{1}, model::element::f16, std::as_bytes(std::span{&h, 1}), "F16"};
  float value = 0;
  model::to_f32(one, {&value, 1});
  return value;
}

std::uint16_t to_bf16(float value) {
  auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

struct quantised_block {
  std::uint16_t scale;
  std::int8_t values[block];
};

quantised_block quantise(const float* values) {
  float largest = 0;
  for (std::size_t i = 0; i < block; ++i) largest = std::max(largest, std::abs(values[i]));
  quantised_block b{to_f16(largest / 127), {}};
  for (std::size_t i = 0; i < block; ++i)
    b.values[i] = static_cast<std::int8_t>(largest == 0 ? 0 : std::lround(values[i] / (largest / 127)));
  return b;
}

std::string bytes_of(const std::vector<float>& values, gguf_type type) {
  std::string bytes;
  if (type == gguf_type::q8_0) {
    for (std::size_t i = 0; i < values.size(); i += block) {
      auto b = quantise(&values[i]);
      gguf_writer::put(bytes, b.scale);
      bytes.append(reinterpret_cast<const char*>(b.values), block);
    }
    return bytes;
  }
  for (auto v : values)
    if (type == gguf_type::f32)
      gguf_writer::put(bytes, v);
    else
      gguf_writer::put(bytes, type == gguf_type::f16 ? to_f16(v) : to_bf16(v));
  return bytes;
}

/// Rows that rotate together, side by side.
std::vector<float> paired(const std::vector<float>& values, std::size_t rows, std::size_t heads) {
  auto row = values.size() / rows, per_head = rows / heads;
  std::vector<float> all;
  for (std::size_t h = 0; h < heads; ++h)
    for (std::size_t i = 0; i < per_head; ++i) {
      auto from = values.begin() + static_cast<std::ptrdiff_t>((h * per_head + i / 2 + i % 2 * per_head / 2) * row);
      all.insert(all.end(), from, from + static_cast<std::ptrdiff_t>(row));
    }
  return all;
}

std::string name_of(std::string name) {
  if (name == "model.embed_tokens.weight") return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == "lm_head.weight") return "output.weight";
  name.replace(0, std::string_view{"model.layers."}.size(), "blk.");
  for (auto [from, to] : {std::pair{"input_layernorm", "attn_norm"},
                          {"post_attention_layernorm", "ffn_norm"},
                          {"self_attn.q_proj", "attn_q"},
                          {"self_attn.k_proj", "attn_k"},
                          {"self_attn.v_proj", "attn_v"},
                          {"self_attn.o_proj", "attn_output"},
                          {"mlp.gate_proj", "ffn_gate"},
                          {"mlp.up_proj", "ffn_up"},
                          {"mlp.down_proj", "ffn_down"}})
    if (auto at = name.find(from); at != name.npos) name.replace(at, std::string_view{from}.size(), to);
  return name;
}

void add_tensors(const model::checkpoint& c, bool pairs, gguf_type type, gguf_writer& out) {
  for (const auto& [name, shape] : model::expected_tensors(c.config)) {
    const auto& t = c.weights.at(name);
    std::vector<float> values(t.size());
    model::to_f32(t, values);
    if (pairs && name.find("q_proj") != name.npos) values = paired(values, shape[0], c.config.heads);
    if (pairs && name.find("k_proj") != name.npos) values = paired(values, shape[0], c.config.kv_heads);
    auto own = stored_type(shape, type);
    out.tensor(name_of(name), shape, own, bytes_of(values, own));
  }
  if (c.config.scaling.type != model::rope_scaling::kind::llama3) return;
  auto unscaled = c.config;
  unscaled.scaling = {};
  auto from = model::rotary_frequencies(unscaled), to = model::rotary_frequencies(c.config);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] /= to[i];
  out.tensor("rope_freqs.weight", {from.size()}, gguf_type::f32, bytes_of(from, gguf_type::f32));
}

/// The fields of a protobuf message: number and bytes; numbers as their one byte.
std::vector<std::pair<std::uint64_t, std::string>> fields_of(std::string_view message) {
  std::vector<std::pair<std::uint64_t, std::string>> all;
  auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      auto byte = static_cast<unsigned char>(message[0]);
      message.remove_prefix(1);
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
  };
  while (!message.empty()) {
    auto tag = varint();
    auto kind = tag & 7;
    if (kind == 0) {
      all.emplace_back(tag >> 3, std::string(1, static_cast<char>(varint())));
      continue;
    }
    auto size = kind == 2 ? varint() : kind == 5 ? 4 : 8;
    all.emplace_back(tag >> 3, message.substr(0, size));
    message.remove_prefix(size);
  }
  return all;
}

void add_sentencepiece(const std::filesystem::path& file, gguf_writer& out) {
  std::vector<std::string> tokens;
  std::vector<float> scores;
  std::vector<std::int32_t> types;
  for (const auto& [number, piece] : fields_of(model::read_file(file))) {
    if (number != 1) continue;
    tokens.emplace_back();
    scores.push_back(0);
    types.push_back(1);
    for (const auto& [field, value] : fields_of(piece)) {
      if (field == 1) tokens.back() = value;
      if (field == 2) std::memcpy(&scores.back(), value.data(), sizeof(float));
      if (field == 3) types.back() = value[0];
    }
  }
  out.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
  out.reals("tokenizer.ggml.scores", scores).numbers("tokenizer.ggml.token_type", types);
  out.flag("tokenizer.ggml.add_space_prefix", false);
}

std::uint32_t first_id(const json& value) {
  return value.is_array() ? value[0].get<std::uint32_t>() : value.get<std::uint32_t>();
}

}  // namespace

gguf_type stored_type(const std::vector<std::uint64_t>& shape, gguf_type wanted) {
  if (shape.size() == 1) return gguf_type::f32;
  return wanted == gguf_type::q8_0 && shape.back() % block != 0 ? gguf_type::f16 : wanted;
}

std::vector<float> rounded(const std::vector<float>& values, gguf_type type) {
  auto result = values;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (type == gguf_type::f16) result[i] = from_f16(to_f16(values[i]));
    if (type == gguf_type::bf16) result[i] = std::bit_cast<float>(std::uint32_t{to_bf16(values[i])} << 16);
    if (type != gguf_type::q8_0 || i % block != 0) continue;
    auto b = quantise(&values[i]);
    for (std::size_t j = 0; j < block; ++j) result[i + j] = from_f16(b.scale) * static_cast<float>(b.values[j]);
  }
  return result;
}

gguf_writer gguf_of(const std::filesystem::path& folder, const gguf_options& options) {
  auto c = model::checkpoint::open(folder);
  auto config = json::parse(std::ifstream{folder / "config.json"});
  auto tokenizer = json::parse(std::ifstream{folder / "tokenizer_config.json"});
  bool qwen2 = config["model_type"] == "qwen2";
  std::string name = qwen2 ? "qwen2" : "llama";
  gguf_writer out;
  out.text("general.architecture", name).text("general.name", "made for a test").number("general.file_type", 32);
  auto key = [&](const char* part) { return name + "." + part; };
  out.number(key("block_count"), c->config.layers).number(key("context_length"), c->config.context);
  out.number(key("embedding_length"), c->config.hidden).number(key("feed_forward_length"), c->config.ffn);
  out.number(key("attention.head_count"), c->config.heads).number(key("attention.head_count_kv"), c->config.kv_heads);
  out.real(key("rope.freq_base"), c->config.rope_theta);
  out.real(key("attention.layer_norm_rms_epsilon"), c->config.rms_norm_eps);
  if (config.contains("head_dim"))
    out.number(key("attention.key_length"), c->config.head_dim)
        .number(key("attention.value_length"), c->config.head_dim);
  out.number(key("rope.dimension_count"), c->config.head_dim).number(key("vocab_size"), c->config.vocabulary);
  if (std::filesystem::exists(folder / "tokenizer.model"))
    add_sentencepiece(folder / "tokenizer.model", out);
  else
    add_byte_level(folder / "tokenizer.json", qwen2 ? "qwen2" : "llama-bpe", c->config.vocabulary, out);
  out.number("tokenizer.ggml.bos_token_id", config["bos_token_id"]);
  out.number("tokenizer.ggml.eos_token_id", first_id(config["eos_token_id"]));
  out.text("tokenizer.chat_template", tokenizer["chat_template"].get<std::string>());
  if (options.more_keys) options.more_keys(out);
  add_tensors(*c, !qwen2, options.type, out);
  return out;
}

void add_byte_level(const std::filesystem::path& file, const std::string& pre, std::size_t vocabulary,
                    gguf_writer& out) {
  auto parsed = json::parse(std::ifstream{file});
  std::vector<std::string> tokens(vocabulary), merges;
  std::vector<std::int32_t> types(vocabulary, 5);
  auto set = [&](std::size_t id, const std::string& text, std::int32_t type) {
    tokens.at(id) = text;
    types.at(id) = type;
  };
  for (std::size_t id = 0; id < vocabulary; ++id) tokens[id] = "[PAD" + std::to_string(id) + "]";
  for (const auto& [text, id] : parsed["model"]["vocab"].items()) set(id.get<std::size_t>(), text, 1);
  for (const auto& token : parsed["added_tokens"])
    set(token["id"].get<std::size_t>(), token["content"].get<std::string>(), token["special"].get<bool>() ? 3 : 4);
  for (const auto& rule : parsed["model"]["merges"])
    merges.push_back(rule.is_string() ? rule.get<std::string>()
                                      : rule[0].get<std::string>() + " " + rule[1].get<std::string>());
  out.text("tokenizer.ggml.model", "gpt2").text("tokenizer.ggml.pre", pre).texts("tokenizer.ggml.tokens", tokens);
  out.numbers("tokenizer.ggml.token_type", types).texts("tokenizer.ggml.merges", merges);
}

void write_bytes(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream{file, std::ios::binary} << bytes;
}

}  // namespace chromatin::test
