#include "model/architectures.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

using nlohmann::json;
using bias = architecture::biases;
using slides_where = architecture::sliding;

constexpr architecture architecture_rows[]{
    {.name = "GemmaForCausalLM", .type = "gemma", .head_dim = 256, .tied_embeddings = true, .gemma = true},
    {.name = "Gemma2ForCausalLM",
     .type = "gemma2",
     .head_dim = 256,
     .tied_embeddings = true,
     .slides = slides_where::every_other,
     .window = 4096,
     .gemma = true,
     .output_norms = true,
     .soft_caps = true,
     .attention_cap = 50,
     .logit_cap = 30,
     .query_scale = true},
    {.name = "Gemma3ForCausalLM",
     .type = "gemma3_text",
     .head_dim = 256,
     .tied_embeddings = true,
     .slides = slides_where::by_pattern,
     .window = 4096,
     .qk_norm = true,
     .gemma = true,
     .output_norms = true,
     .soft_caps = true,
     .query_scale = true,
     .local_rope = true},
    {.name = "GraniteForCausalLM", .type = "granite", .bias = bias::where_attention_bias_says, .multipliers = true},
    {.name = "LlamaForCausalLM", .type = "llama", .bias = bias::where_attention_bias_says},
    {.name = "MistralForCausalLM", .type = "mistral", .slides = slides_where::all, .window = 4096},
    {.name = "Phi3ForCausalLM",
     .type = "phi3",
     .slides = slides_where::all,
     .partial_rotary = true,
     .fused_projections = true},
    {.name = "Qwen2ForCausalLM",
     .type = "qwen2",
     .bias = bias::of_queries_keys_values,
     .slides = slides_where::from_a_layer,
     .window = 4096},
    {.name = "Qwen3ForCausalLM",
     .type = "qwen3",
     .head_dim = 128,
     .bias = bias::where_attention_bias_says,
     .slides = slides_where::from_a_layer,
     .window = 4096,
     .qk_norm = true},
    {.name = "Qwen3MoeForCausalLM",
     .type = "qwen3_moe",
     .bias = bias::where_attention_bias_says,
     .slides = slides_where::if_used,
     .window = 4096,
     .qk_norm = true,
     .experts = true},
    {.name = "SmolLM3ForCausalLM",
     .type = "smollm3",
     .tied_embeddings = true,
     .bias = bias::where_attention_bias_says,
     .slides = slides_where::without_positions,
     .skipped_positions = true}};

constexpr float factor_max = 1e6f;

void read_activation(const json_node& in, const architecture& of, config& c) {
  if (of.gemma) {  // older files name the wrong one in "hidden_act"; where there is "hidden_activation", that counts
    auto key = in.has("hidden_activation") ? "hidden_activation" : "hidden_act";
    auto name = in.text(key, "gelu_pytorch_tanh");
    bool old_name = of.type == "gemma" && key == std::string_view{"hidden_act"} && name == "gelu";
    if (name != "gelu_pytorch_tanh" && name != "gelu_new" && !old_name)
      in.refuse(fmt::format("\"{}\": activation {} is not known; known: gelu_pytorch_tanh", key, name));
    in.has("hidden_act");
    c.gate = activation::gelu_tanh;
    return;
  }
  for (auto key : {"hidden_act", "hidden_activation", "activation_function"})
    if (auto name = in.text(key, "silu"); name != "silu" && name != "swish")  // two names of one function
      in.refuse(fmt::format("\"{}\": activation {} is not known; known: silu", key, name));
}

void read_biases(const json_node& in, const architecture& of, config& c) {
  if (of.bias == bias::of_queries_keys_values) {  // whatever these keys say
    c.attention_bias = true;
    in.has("attention_bias");
    for (auto key : {"qkv_bias", "use_qkv_bias"}) in.must_be(key, {true}, "");
  }
  if (of.bias == bias::where_attention_bias_says) c.attention_bias = c.output_bias = in.flag("attention_bias", false);
}

/// A cap that is null is none; one that is absent may have a default.
float read_cap(const json_node& in, const char* key, float fallback) {
  if (in.is_null(key)) return 0;
  return in.real(key, 0, factor_max, fallback);
}

void read_scales(const json_node& in, const architecture& of, config& c) {
  if (of.gemma) {
    c.gain_plus_one = true;
    c.embedding_scale = std::sqrt(static_cast<float>(c.hidden));
  }
  if (of.soft_caps) {
    c.attention_soft_cap = read_cap(in, "attn_logit_softcapping", of.attention_cap);
    c.logit_soft_cap = read_cap(in, "final_logit_softcapping", of.logit_cap);
  }
  if (of.query_scale) c.attention_scale = 1 / std::sqrt(in.real("query_pre_attn_scalar", 1e-3f, factor_max, 256.0f));
  if (of.multipliers) {
    c.embedding_scale = in.real("embedding_multiplier", 0, factor_max, 1.0f);
    c.residual_scale = in.real("residual_multiplier", 0, factor_max, 1.0f);
    c.attention_scale = in.real("attention_multiplier", 1e-6f, factor_max, 1.0f);
    c.logit_scale = 1 / in.real("logits_scaling", 1e-6f, factor_max, 1.0f);
  }
}

void read_experts(const json_node& in, config& c) {
  c.experts = in.number("num_experts", 1, 4096);
  c.experts_per_token = in.number("num_experts_per_tok", 1, c.experts);
  c.ffn = in.number("moe_intermediate_size", 2, 1u << 20);
  if (c.ffn % 2 != 0) in.refuse("\"moe_intermediate_size\" must be even");
  c.normalised_experts = in.flag("norm_topk_prob", false);
}

/// Layers without experts: all but every "decoder_sparse_step"-th, and those that "mlp_only_layers" names.
std::vector<bool> dense_layers(const json_node& in, const architecture& of, config& c) {
  std::vector<bool> dense(c.layers, false);
  if (!of.experts) return dense;
  auto step = in.number("decoder_sparse_step", 1, 1u << 20, 1);
  for (std::uint32_t l = 0; l < c.layers; ++l) dense[l] = (l + 1) % step != 0;
  if (in.has("mlp_only_layers"))
    for (const auto& listed : in.list("mlp_only_layers")) {
      if (!listed.is_number_unsigned() || listed.get<std::uint64_t>() >= c.layers)
        in.refuse(fmt::format("\"mlp_only_layers\": {} is none of the model's {} layers", shown(listed), c.layers));
      dense[listed.get<std::size_t>()] = true;
    }
  if (std::find(dense.begin(), dense.end(), true) == dense.end()) return dense;
  c.dense_ffn = in.number("intermediate_size", 2, 1u << 20);
  return dense;
}

/// Layers whose queries and keys rotate.
std::vector<bool> rotating_layers(const json_node& in, const config& c) {
  std::vector<bool> rotates(c.layers, true);
  auto interval = in.number("no_rope_layer_interval", 1, 1u << 20, 4);
  if (!in.has("no_rope_layers")) {
    for (std::uint32_t l = 0; l < c.layers; ++l) rotates[l] = (l + 1) % interval != 0;
    return rotates;
  }
  const auto& listed = in.list("no_rope_layers");
  if (listed.size() != c.layers)
    in.refuse(fmt::format("\"no_rope_layers\" has {} entries, the model {} layers", listed.size(), c.layers));
  for (std::uint32_t l = 0; l < c.layers; ++l) {
    if (listed[l] != 0 && listed[l] != 1) in.refuse("\"no_rope_layers\" must be a list of 0 (no positions) and 1");
    rotates[l] = listed[l] == 1;
  }
  return rotates;
}

std::uint32_t read_window(const json_node& in, const architecture& of) {
  if (of.slides == slides_where::none) return 0;
  bool may = of.slides == slides_where::if_used || of.slides == slides_where::from_a_layer ||
             of.slides == slides_where::without_positions;
  bool used = !may || in.flag("use_sliding_window", false);
  if (in.is_null("sliding_window")) return 0;
  auto window = in.number("sliding_window", 1, 1u << 30, of.window);
  return used ? window : 0;
}

/// Which layers slide, where they do at all.
std::vector<bool> sliding_layers(const json_node& in, const architecture& of, const std::vector<bool>& rotates) {
  auto layers = rotates.size();
  std::vector<bool> slides(layers, of.slides == slides_where::all || of.slides == slides_where::if_used);
  auto pattern = of.slides == slides_where::by_pattern ? in.number("sliding_window_pattern", 1, 1u << 20, 6) : 1;
  auto first = of.slides == slides_where::from_a_layer ? in.number("max_window_layers", 0, 1u << 20, 28) : 0;
  for (std::size_t l = 0; l < layers; ++l) {
    if (of.slides == slides_where::from_a_layer) slides[l] = l >= first;
    if (of.slides == slides_where::without_positions) slides[l] = !rotates[l];
    if (of.slides == slides_where::every_other) slides[l] = l % 2 == 0;
    if (of.slides == slides_where::by_pattern) slides[l] = (l + 1) % pattern != 0;
  }
  if (!in.has("layer_types")) return slides;
  const auto& listed = in.list("layer_types");
  for (const auto& type : listed)
    if (type != "full_attention" && type != "sliding_attention")
      in.refuse(fmt::format("\"layer_types\": {} is not supported; supported: full_attention, sliding_attention",
                            type.dump()));
  if (listed.size() != layers)
    in.refuse(fmt::format("\"layer_types\" has {} entries, the model {} layers", listed.size(), layers));
  for (std::size_t l = 0; l < layers; ++l) slides[l] = listed[l] == "sliding_attention";
  return slides;
}

/// What this architecture never does, whatever the file says, is refused where it would make a difference.
void refuse_sliding(const json_node& in, const std::vector<bool>& slides, const config& c) {
  for (bool listed : slides)
    if (listed) in.refuse("\"layer_types\": sliding_attention is not supported for this architecture");
  if (in.has("sliding_window"))
    if (auto window = in.number("sliding_window", 1, 1u << 30); window < c.context)
      in.refuse(
          fmt::format("\"sliding_window\": a sliding window of {} tokens is not known of this architecture; set "
                      "\"max_position_embeddings\" to {} (or --context {}) to use the model within its window",
                      window, window, window));
}

void read_layers(const json_node& in, const architecture& of, config& c) {
  auto rotates = of.skipped_positions ? rotating_layers(in, c) : std::vector<bool>(c.layers, true);
  auto window = read_window(in, of);
  auto slides = sliding_layers(in, of, rotates);
  auto dense = dense_layers(in, of, c);
  if (of.slides == slides_where::none) refuse_sliding(in, slides, c);
  std::vector<layer_traits> all(c.layers);
  for (std::uint32_t l = 0; l < c.layers; ++l) {
    all[l].rotates = rotates[l];
    all[l].dense = dense[l];
    all[l].local_rope = of.local_rope && slides[l];
    if (slides[l] && window == 0 && in.has("layer_types"))
      in.refuse("\"layer_types\" names sliding_attention, but \"sliding_window\" is missing or not used");
    if (slides[l]) all[l].window = window;
  }
  if (all != std::vector<layer_traits>(c.layers)) c.per_layer = std::move(all);
}

}  // namespace

std::span<const architecture> architectures() { return architecture_rows; }

const architecture& find_architecture(std::string_view name) {
  std::vector<std::string_view> known;
  for (const auto& row : architecture_rows) {
    if (name == row.name) return row;
    known.push_back(row.name);
  }
  throw load_error(fmt::format("architecture {} is not known; known: {}", name, fmt::join(known, ", ")));
}

const architecture& find_architecture(const json_node& in) {
  auto named = in.has("architectures") ? in.list("architectures") : json::array();
  auto name = named.size() == 1 && named[0].is_string() ? named[0].get<std::string>() : named.dump();
  const auto* row = &architecture_rows[0];
  try {
    row = &find_architecture(name);
  } catch (const load_error& unknown) {
    in.refuse(unknown.what());
  }
  // Where a file names both, "model_type" is what the reference implementation goes by.
  if (auto found = in.text("model_type", row->type); found != row->type)
    in.refuse(fmt::format("\"model_type\": {} is another model than \"architectures\" {} says", found, name));
  return *row;
}

void read_traits(const json_node& in, const architecture& of, config& c) {
  c.qk_norm = of.qk_norm;
  c.output_norms = of.output_norms;
  c.fused_projections = of.fused_projections;
  read_activation(in, of, c);
  read_biases(in, of, c);
  read_scales(in, of, c);
  if (of.experts) read_experts(in, c);
  read_layers(in, of, c);
}

}  // namespace chromatin::model
