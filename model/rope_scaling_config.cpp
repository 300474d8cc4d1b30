#include "model/rope_scaling_config.hpp"

#include <cmath>
#include <vector>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

using scaling_kind = rope_scaling::kind;

constexpr std::uint32_t context_max = 1u << 24;
constexpr const char* untrained_way_out =
    "; if the model was first trained without it, take it out and set \"max_position_embeddings\" to what it was "
    "trained on";

/// Keys that any kind may have; those of the kind's own are named beside.
void only(const json_node& in, std::vector<std::string_view> own) {
  for (auto key :
       {"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings"})
    own.emplace_back(key);
  in.only(own);
}

std::uint32_t original_context(const json_node& in, std::uint32_t fallback) {
  return in.number("original_max_position_embeddings", 1, context_max,
                   fallback ? std::optional{fallback} : std::nullopt);
}

void read_llama3(const json_node& in, rope_scaling& s) {
  only(in, {"low_freq_factor", "high_freq_factor"});
  s.factor = in.real("factor", 1, 1024);
  s.low_frequency_factor = in.real("low_freq_factor", 1e-3f, 1024);
  s.high_frequency_factor = in.real("high_freq_factor", 1e-3f, 1024);
  s.original_context = original_context(in, 0);
  if (s.high_frequency_factor <= s.low_frequency_factor)
    in.refuse("\"high_freq_factor\" must be above \"low_freq_factor\"");
}

/// How much attention is sharpened, by YaRN's formula.
float yarn_sharpness(float factor, float scale) { return factor <= 1 ? 1 : 0.1f * scale * std::log(factor) + 1; }

void read_yarn(const json_node& in, const rope_surroundings& around, rope_scaling& s) {
  only(in, {"beta_fast", "beta_slow", "attention_factor", "mscale", "mscale_all_dim", "truncate"});
  s.factor = in.real("factor", 1, 1024);
  s.original_context = original_context(in, around.original_context ? around.original_context : around.trained_context);
  s.beta_fast = in.real("beta_fast", 1e-3f, 1024, 32.0f);
  s.beta_slow = in.real("beta_slow", 1e-3f, 1024, 1.0f);
  if (s.beta_fast <= s.beta_slow) in.refuse("\"beta_fast\" must be above \"beta_slow\"");
  s.whole_pairs = in.flag("truncate", true);
  if (in.has("attention_factor")) {
    s.attention_factor = in.real("attention_factor", 1e-3f, 1024);
    return;
  }
  auto one = in.real("mscale", 0, 1024, 0.0f), all = in.real("mscale_all_dim", 0, 1024, 0.0f);
  if (one > 0 && all > 0) s.attention_factor = yarn_sharpness(s.factor, one) / yarn_sharpness(s.factor, all);
}

std::vector<float> factors(const json_node& in, const char* key, std::uint32_t pairs) {
  const auto& list = in.list(key);
  if (list.size() != pairs)
    in.refuse(fmt::format("\"{}\" has {} entries, a head {} pairs of values that rotate", key, list.size(), pairs));
  std::vector<float> all;
  for (const auto& factor : list) {
    if (!factor.is_number() || !(factor.get<float>() >= 1e-3f && factor.get<float>() <= 1e6f))
      in.refuse(fmt::format("\"{}\" must be a list of numbers from 0.001 to 1000000", key));
    all.push_back(factor.get<float>());
  }
  return all;
}

void read_longrope(const json_node& in, const rope_surroundings& around, rope_scaling& s) {
  only(in, {"short_factor", "long_factor", "attention_factor", "short_mscale", "long_mscale"});
  in.must_be("short_mscale", {}, "");
  in.must_be("long_mscale", {}, "");
  s.original_context = original_context(in, around.original_context ? around.original_context : around.trained_context);
  auto ratio = static_cast<float>(around.trained_context) / static_cast<float>(s.original_context);
  s.factor = around.original_context ? ratio : in.real("factor", 1e-3f, 1024, ratio);
  s.attention_factor = in.real("attention_factor", 1e-3f, 1024, 0.0f);
  s.short_factors = factors(in, "short_factor", around.pairs);
  s.long_factors = factors(in, "long_factor", around.pairs);
}

scaling_kind kind_of(const json_node& in) {
  auto type = in.text("rope_type", in.text("type", in.has("factor") ? "" : "default"));
  if (in.has("type") && in.text("type") != type) in.refuse("\"rope_type\" and \"type\" differ");
  constexpr std::pair<std::string_view, scaling_kind> kinds[]{
      {"default", scaling_kind::none}, {"linear", scaling_kind::linear}, {"dynamic", scaling_kind::dynamic},
      {"yarn", scaling_kind::yarn},    {"su", scaling_kind::longrope},   {"longrope", scaling_kind::longrope},
      {"llama3", scaling_kind::llama3}};
  for (auto [name, k] : kinds)
    if (type == name) return k;
  in.refuse(fmt::format("\"{}\" is not known; known: default, linear, dynamic, yarn, longrope, llama3{}", type,
                        untrained_way_out));
}

}  // namespace

rope_scaling read_scaling(const json_node& in, const rope_surroundings& around) {
  rope_scaling s{.type = kind_of(in)};
  switch (s.type) {
    case scaling_kind::none:
      only(in, {});
      in.must_be("factor", {1}, " where the type is default");
      break;
    case scaling_kind::linear:
      only(in, {});
      s.factor = in.real("factor", 1, 1024);
      break;
    case scaling_kind::dynamic:
      only(in, {});
      s.factor = in.real("factor", 1, 1024);
      s.original_context = around.trained_context;
      break;
    case scaling_kind::yarn:
      read_yarn(in, around, s);
      break;
    case scaling_kind::longrope:
      read_longrope(in, around, s);
      break;
    case scaling_kind::llama3:
      read_llama3(in, s);
      break;
  }
  return s;
}

}  // namespace chromatin::model
