#include "model/config.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;

json parse(const std::filesystem::path& file) {
  auto parsed = json::parse(read_file(file), nullptr, false);
  if (!parsed.is_object()) throw load_error(fmt::format("{}: not a JSON object", file.string()));
  return parsed;
}

struct reader {
  const json& object;
  std::string where;

  std::uint32_t number(const char* key, std::uint32_t min, std::uint32_t max, std::int64_t fallback = -1) const {
    auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
      if (fallback >= 0) return static_cast<std::uint32_t>(fallback);
      throw load_error(fmt::format("{}: \"{}\" is missing", where, key));
    }
    if (!found->is_number_integer() || *found < min || *found > max)
      throw load_error(fmt::format("{}: \"{}\" must be a whole number from {} to {}", where, key, min, max));
    return found->get<std::uint32_t>();
  }

  float real(const char* key, float min, float max, float fallback) const {
    auto found = object.find(key);
    if (found == object.end() || found->is_null()) return fallback;
    if (!found->is_number() || !(found->get<float>() >= min && found->get<float>() <= max))
      throw load_error(fmt::format("{}: \"{}\" must be a number from {} to {}", where, key, min, max));
    return found->get<float>();
  }
};

void check_architecture(const json& object, const std::string& where) {
  auto named = object.value("architectures", json::array());
  auto name = named.is_array() && !named.empty() && named[0].is_string() ? named[0].get<std::string>() : "none";
  if (name != "LlamaForCausalLM")
    throw load_error(fmt::format("{}: architecture {} is not known; known: LlamaForCausalLM", where, name));
  if (auto act = object.value("hidden_act", "silu"); act != "silu")
    throw load_error(fmt::format("{}: activation {} is not known; known: silu", where, act));
  if (auto scaling = object.find("rope_scaling"); scaling != object.end() && !scaling->is_null())
    throw load_error(fmt::format("{}: rope_scaling is not supported; only plain rotary positions are", where));
  for (auto key : {"attention_bias", "mlp_bias"})
    if (object.value(key, false)) throw load_error(fmt::format("{}: {} is not supported", where, key));
}

std::vector<kv::token_id> token_list(const json& object, const reader& in, std::uint32_t vocabulary) {
  auto found = object.find("eos_token_id");
  if (found == object.end() || found->is_null()) return {};
  if (!found->is_array()) return {in.number("eos_token_id", 0, vocabulary - 1)};
  std::vector<kv::token_id> ids;
  for (const auto& id : *found) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary)
      throw load_error(fmt::format("{}: \"eos_token_id\" names a token outside the vocabulary", in.where));
    ids.push_back(id.get<kv::token_id>());
  }
  return ids;
}

void read_generation(const std::filesystem::path& file, config& c) {
  if (!std::filesystem::exists(file)) return;
  auto object = parse(file);
  reader in{object, file.string()};
  c.answer_tokens_default = in.number("max_new_tokens", 1, 1u << 20, 0);
  for (auto id : token_list(object, in, c.vocabulary))
    if (!c.is_end_of_answer(id)) c.end_of_answer.push_back(id);
}

}  // namespace

bool config::is_end_of_answer(kv::token_id token) const {
  return std::find(end_of_answer.begin(), end_of_answer.end(), token) != end_of_answer.end();
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in) throw load_error(fmt::format("{}: cannot be read", file.string()));
  return text;
}

config read_config(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw load_error(fmt::format("{}: no such folder; a model is a Hugging Face checkpoint folder", folder.string()));
  auto file = folder / "config.json";
  auto object = parse(file);
  reader in{object, file.string()};
  check_architecture(object, in.where);

  config c;
  c.layers = in.number("num_hidden_layers", 1, 1024);
  c.hidden = in.number("hidden_size", 32, 1u << 16);
  c.heads = in.number("num_attention_heads", 1, 1024);
  c.kv_heads = in.number("num_key_value_heads", 1, 1024, c.heads);
  if (c.heads % c.kv_heads != 0)
    throw load_error(
        fmt::format("{}: {} attention heads are not a multiple of {} key-value heads", in.where, c.heads, c.kv_heads));
  c.head_dim = in.number("head_dim", 16, 256, c.hidden / c.heads);
  if (c.head_dim < 16 || c.head_dim > 256 || c.head_dim % 16 != 0)
    throw load_error(fmt::format("{}: a head of {} values is not supported; it must be a multiple of 16, at most 256",
                                 in.where, c.head_dim));
  c.ffn = in.number("intermediate_size", 1, 1u << 20);
  c.vocabulary = in.number("vocab_size", 2, 1u << 20);
  c.context = in.number("max_position_embeddings", 64, 1u << 20);
  c.rms_norm_eps = in.real("rms_norm_eps", 0, 1, 1e-6f);
  c.rope_theta = in.real("rope_theta", 1, 1e9f, 10000.0f);
  c.tied_embeddings = object.value("tie_word_embeddings", false);
  c.bos = in.number("bos_token_id", 0, c.vocabulary - 1, 1);
  c.end_of_answer = token_list(object, in, c.vocabulary);
  read_generation(folder / "generation_config.json", c);
  return c;
}

}  // namespace chromatin::model
