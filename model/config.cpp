#include "model/config.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/architectures.hpp"
#include "model/config_json.hpp"
#include "model/gguf/config_of.hpp"
#include "model/json_node.hpp"
#include "model/load_error.hpp"
#include "model/model_source.hpp"
#include "model/rope_config.hpp"
#include "model/unbuilt.hpp"

namespace chromatin::model {
namespace {

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

void read_sizes(const json_node& in, const architecture& of, config& c) {
  c.layers = in.number("num_hidden_layers", 1, 1024);
  c.hidden = in.number("hidden_size", 32, 1u << 16);
  c.heads = in.number("num_attention_heads", 1, 1024);
  c.kv_heads = in.number("num_key_value_heads", 1, 1024, c.heads);
  if (c.heads % c.kv_heads != 0)
    in.refuse(fmt::format("{} attention heads are not a multiple of {} key-value heads", c.heads, c.kv_heads));
  c.head_dim = in.number("head_dim", 16, 256, of.head_dim ? of.head_dim : c.hidden / c.heads);
  if (c.head_dim < 16 || c.head_dim > 256 || c.head_dim % 16 != 0)
    in.refuse(
        fmt::format("a head of {} values is not supported; it must be a multiple of 16, at most 256", c.head_dim));
  c.ffn = in.number("intermediate_size", 1, 1u << 20, of.experts ? std::optional{2u} : std::nullopt);
  if (c.hidden % 2 != 0 || c.ffn % 2 != 0) in.refuse("\"hidden_size\" and \"intermediate_size\" must be even");
  c.vocabulary = in.number("vocab_size", 2, 1u << 20);
  c.context = in.number("max_position_embeddings", 64, 1u << 20);
  c.rms_norm_eps = in.real("rms_norm_eps", 0, 1, 1e-6f);
  c.tied_embeddings = in.flag("tie_word_embeddings", of.tied_embeddings);
}

}  // namespace

bool config::is_end_of_answer(kv::token_id token) const {
  return std::find(end_of_answer.begin(), end_of_answer.end(), token) != end_of_answer.end();
}

bool config::has_local_rope() const {
  return std::any_of(per_layer.begin(), per_layer.end(), [](const layer_traits& l) { return l.local_rope; });
}

std::vector<std::string> traits_beyond_llama(const config& c) {
  auto any_layer = [&](auto has) { return std::any_of(c.per_layer.begin(), c.per_layer.end(), has); };
  auto default_scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
  const std::pair<bool, const char*> traits[]{
      {c.experts > 0, "experts"},
      {c.fused_projections, "fused projections"},
      {c.qk_norm, "norms of queries and keys"},
      {c.output_norms, "norms behind attention and feed-forward"},
      {c.gain_plus_one, "norms with a gain of 1 + weight"},
      {c.output_bias, "a bias behind attention"},
      {c.rotary_values() != c.head_dim, "positions in a part of each head"},
      {any_layer([](const layer_traits& l) { return !l.rotates; }), "layers without positions"},
      {c.has_local_rope(), "positions of their own in some layers"},
      {any_layer([&](const layer_traits& l) { return l.window > 0 && l.window < c.context; }), "a sliding window"},
      {c.attention_scale != 0 && std::abs(c.attention_scale - default_scale) > 1e-6f * default_scale,
       "a scale of scores"},
      {c.attention_soft_cap > 0 || c.logit_soft_cap > 0, "soft caps"},
      {c.embedding_scale != 1, "scaled embeddings"},
      {c.residual_scale != 1, "scaled residuals"},
      {c.logit_scale != 1, "scaled logits"},
      {c.gate != activation::silu, "an activation other than silu"}};
  std::vector<std::string> names;
  for (auto [has, name] : traits)
    if (has) names.emplace_back(name);
  return names;
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in) throw load_error(fmt::format("{}: cannot be read", file.string()));
  return text;
}

config parse_config(const nlohmann::json& object, const std::string& where, std::uint32_t context) {
  std::set<std::string, std::less<>> asked;
  json_node in{object, where, &asked};
  const auto& architecture = find_architecture(in);

  config c;
  read_sizes(in, architecture, c);
  auto trained_context = c.context;
  if (context > 0) c.context = context;
  read_traits(in, architecture, c);
  read_rope(in, architecture, trained_context, c);
  refuse_unbuilt(in);
  c.end_of_answer = token_list(in, c.vocabulary);
  c.unknown_keys = unknown_keys(in);
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
