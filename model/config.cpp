#include "model/config.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/config_json.hpp"
#include "model/gguf/config_of.hpp"
#include "model/json_node.hpp"
#include "model/load_error.hpp"
#include "model/model_source.hpp"
#include "model/rope_config.hpp"
#include "model/unbuilt.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;

/// The architectures that compute as LLaMA does, and the name under which the reference implementation looks for each:
/// where a file names both, `model_type` is what it goes by.
constexpr std::pair<std::string_view, std::string_view> architectures[]{
    {"LlamaForCausalLM", "llama"}, {"MistralForCausalLM", "mistral"}, {"Qwen2ForCausalLM", "qwen2"}};

std::string read_architecture(const json_node& in) {
  auto named = in.has("architectures") ? in.list("architectures") : json::array();
  auto name = named.size() == 1 && named[0].is_string() ? named[0].get<std::string>() : named.dump();
  for (const auto& [architecture, type] : architectures)
    if (name == architecture) {
      if (auto found = in.text("model_type", type); found != type)
        in.refuse(fmt::format("\"model_type\": {} is another model than \"architectures\" {} says", found, name));
      return name;
    }
  in.refuse(
      fmt::format("architecture {} is not known; known: LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM", name));
}

std::vector<kv::token_id> token_list(const json_node& in, std::uint32_t vocabulary) {
  if (!in.has("eos_token_id")) return {};
  if (!in.at("eos_token_id").value.is_array()) return {in.number("eos_token_id", 0, vocabulary - 1)};
  std::vector<kv::token_id> ids;
  for (const auto& id : in.list("eos_token_id")) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary)
      in.refuse("\"eos_token_id\" names a token outside the vocabulary");
    ids.push_back(id.get<kv::token_id>());
  }
  return ids;
}

void read_generation(const std::filesystem::path& file, config& c) {
  if (!std::filesystem::exists(file)) return;
  auto object = parse_json_object(read_file(file), file.string());
  json_node in{object, file.string()};
  c.answer_tokens_default = in.number("max_new_tokens", 1, 1u << 20, 0);
  for (auto id : token_list(in, c.vocabulary))
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

config parse_config(const nlohmann::json& object, const std::string& where, std::uint32_t context) {
  json_node in{object, where};
  auto architecture = read_architecture(in);
  refuse_unbuilt(in, architecture);

  config c;
  c.layers = in.number("num_hidden_layers", 1, 1024);
  c.hidden = in.number("hidden_size", 32, 1u << 16);
  c.heads = in.number("num_attention_heads", 1, 1024);
  c.kv_heads = in.number("num_key_value_heads", 1, 1024, c.heads);
  if (c.heads % c.kv_heads != 0)
    in.refuse(fmt::format("{} attention heads are not a multiple of {} key-value heads", c.heads, c.kv_heads));
  c.head_dim = in.number("head_dim", 16, 256, c.hidden / c.heads);
  if (c.head_dim < 16 || c.head_dim > 256 || c.head_dim % 16 != 0)
    in.refuse(
        fmt::format("a head of {} values is not supported; it must be a multiple of 16, at most 256", c.head_dim));
  c.ffn = in.number("intermediate_size", 1, 1u << 20);
  if (c.hidden % 2 != 0 || c.ffn % 2 != 0) in.refuse("\"hidden_size\" and \"intermediate_size\" must be even");
  c.vocabulary = in.number("vocab_size", 2, 1u << 20);
  c.context = in.number("max_position_embeddings", 64, 1u << 20);
  if (context > 0) c.context = context;
  refuse_sliding(in, architecture, c.context, c.layers);
  auto rope = read_rope(in);
  c.rope_theta = rope.theta;
  c.scaling = rope.scaling;
  c.attention_bias = architecture == "Qwen2ForCausalLM";
  c.rms_norm_eps = in.real("rms_norm_eps", 0, 1, 1e-6f);
  c.tied_embeddings = in.flag("tie_word_embeddings", false);
  c.end_of_answer = token_list(in, c.vocabulary);
  return c;
}

config read_config(const std::filesystem::path& model, std::uint32_t context) {
  auto source = find_model(model);
  if (source.is_gguf()) return gguf::config_of(gguf::contents::open(source.path), context);
  auto file = source.path / "config.json";
  auto c = parse_config(parse_json_object(read_file(file), file.string()), file.string(), context);
  read_generation(source.path / "generation_config.json", c);
  return c;
}

}  // namespace chromatin::model
