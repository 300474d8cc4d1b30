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

/// The name of the architecture, one of those that compute as LLaMA does.
std::string check_architecture(const json& object, const std::string& where) {
  auto named = object.value("architectures", json::array());
  auto name = named.is_array() && !named.empty() && named[0].is_string() ? named[0].get<std::string>() : "none";
  if (name != "LlamaForCausalLM" && name != "MistralForCausalLM" && name != "Qwen2ForCausalLM")
    throw load_error(
        fmt::format("{}: architecture {} is not known; known: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM",
                    where, name));
  if (auto act = object.value("hidden_act", "silu"); act != "silu")
    throw load_error(fmt::format("{}: activation {} is not known; known: silu", where, act));
  for (auto key : {"attention_bias", "mlp_bias"})
    if (object.value(key, false)) throw load_error(fmt::format("{}: {} is not supported", where, key));
  return name;
}

/// A window that slides over a part of the context only would need pages to be forgotten while they are read.
void check_sliding_window(const json& object, const std::string& architecture, const config& c,
                          const std::string& where) {
  auto window = object.find("sliding_window");
  if (window == object.end() || !window->is_number_integer() || *window >= c.context) return;
  if (architecture == "Qwen2ForCausalLM" && !object.value("use_sliding_window", false)) return;
  throw load_error(
      fmt::format("{}: a sliding window of {} tokens in a context of {} is not supported; set "
                  "\"max_position_embeddings\" to {} to use the model within its window",
                  where, window->get<std::int64_t>(), c.context, window->get<std::int64_t>()));
}

rope_scaling read_scaling(const json& object, const std::string& where, std::uint32_t context) {
  auto found = object.find("rope_scaling");
  if (found == object.end() || found->is_null()) return {};
  reader in{*found, where + ": rope_scaling"};
  auto type = !found->is_object() ? "" : found->value("rope_type", found->value("type", ""));
  if (type == "default") return {};
  rope_scaling scaling;
  if (type == "linear")
    scaling.type = rope_scaling::kind::linear;
  else if (type == "llama3")
    scaling.type = rope_scaling::kind::llama3;
  else
    throw load_error(fmt::format("{}: \"{}\" is not known; known: default, linear, llama3", in.where, type));
  scaling.factor = in.real("factor", 1, 1024, 1);
  if (scaling.type == rope_scaling::kind::linear) return scaling;
  scaling.low_frequency_factor = in.real("low_freq_factor", 1e-3f, 1024, 1);
  scaling.high_frequency_factor = in.real("high_freq_factor", 1e-3f, 1024, 4);
  scaling.original_context = in.number("original_max_position_embeddings", 1, context);
  if (scaling.high_frequency_factor <= scaling.low_frequency_factor)
    throw load_error(fmt::format("{}: \"high_freq_factor\" must be above \"low_freq_factor\"", in.where));
  return scaling;
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
  auto architecture = check_architecture(object, in.where);

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
  if (c.hidden % 2 != 0 || c.ffn % 2 != 0)
    throw load_error(fmt::format("{}: \"hidden_size\" and \"intermediate_size\" must be even", in.where));
  c.vocabulary = in.number("vocab_size", 2, 1u << 20);
  c.context = in.number("max_position_embeddings", 64, 1u << 20);
  check_sliding_window(object, architecture, c, in.where);
  c.scaling = read_scaling(object, in.where, c.context);
  c.attention_bias = architecture == "Qwen2ForCausalLM";
  c.rms_norm_eps = in.real("rms_norm_eps", 0, 1, 1e-6f);
  c.rope_theta = in.real("rope_theta", 1, 1e9f, 10000.0f);
  c.tied_embeddings = object.value("tie_word_embeddings", false);
  c.bos = in.number("bos_token_id", 0, c.vocabulary - 1, 1);
  c.end_of_answer = token_list(object, in, c.vocabulary);
  read_generation(folder / "generation_config.json", c);
  return c;
}

}  // namespace chromatin::model
