#include "model/rope_config.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/rope_scaling_config.hpp"

namespace chromatin::model {
namespace {

constexpr float theta_min = 1, theta_max = 1e12f, theta_fallback = 10000.0f;

struct rope {
  float theta = theta_fallback;
  rope_scaling scaling;
};

json_node object_at(const json_node& config, const char* key) {
  auto found = config.at(key);
  if (!found.value.is_object()) found.refuse("must be an object");
  return found;
}

/// As transformers before 5 wrote it. What stands inside `rope_scaling` was not read then and is now: both must agree.
rope read_old(const json_node& config, const rope_surroundings& around) {
  rope found{.theta = config.real("rope_theta", theta_min, theta_max, theta_fallback), .scaling = {}};
  if (!config.has("rope_scaling")) return found;
  auto scaling = object_at(config, "rope_scaling");
  if (scaling.real("rope_theta", theta_min, theta_max, found.theta) != found.theta)
    scaling.refuse("\"rope_theta\" differs from the one outside, which older programs read; put the right one there");
  found.scaling = read_scaling(scaling, around);
  return found;
}

/// One object for all layers, or, of a model with a local rope, one for each kind of layer.
rope read_new(const json_node& config, const rope_surroundings& around, const rope& old, bool local, struct config& c) {
  auto parameters = object_at(config, "rope_parameters");
  auto one = [&](const json_node& in, float fallback) {
    return rope{.theta = in.real("rope_theta", theta_min, theta_max, fallback), .scaling = read_scaling(in, around)};
  };
  if (!local || !parameters.has("full_attention")) return one(parameters, old.theta);
  parameters.only({"full_attention", "sliding_attention"});
  auto sliding = one(object_at(parameters, "sliding_attention"), c.local_rope_theta);
  if (config.has("rope_local_base_freq") && sliding.theta != c.local_rope_theta)
    config.refuse("\"rope_local_base_freq\" and the one in \"rope_parameters\" differ; take one of them out");
  c.local_rope_theta = sliding.theta;
  c.local_scaling = sliding.scaling;
  return one(object_at(parameters, "full_attention"), old.theta);
}

std::optional<json_node> object_if_any(const json_node& config, const char* key) {
  if (!config.has(key)) return {};
  return object_at(config, key);
}

/// Which of a head's values rotate: the share stands beside or inside the other parameters.
std::uint32_t read_rotary_dim(const json_node& config, bool partial, std::uint32_t head_dim) {
  auto inner = object_if_any(config, config.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
  constexpr const char* key = "partial_rotary_factor";
  if (!partial) {
    if (inner) inner->must_be(key, {1}, "");
    return 0;
  }
  auto share = config.real(key, 0.01f, 1, 1.0f);
  if (inner && inner->has(key)) {
    auto inside = inner->real(key, 0.01f, 1);
    if (config.has(key) && inside != share) inner->refuse("\"partial_rotary_factor\" differs from the one outside");
    share = inside;
  }
  auto values = static_cast<std::uint32_t>(static_cast<float>(head_dim) * share);
  if (values < 2 || values % 2 != 0)
    config.refuse(fmt::format("\"{}\": {} of a head's {} values cannot rotate in pairs", key, values, head_dim));
  return values == head_dim ? 0 : values;
}

}  // namespace

void read_rope(const json_node& config, const architecture& of, std::uint32_t trained_context, struct config& c) {
  c.rotary_dim = read_rotary_dim(config, of.partial_rotary, c.head_dim);
  rope_surroundings around{.trained_context = trained_context,
                           .original_context = config.number("original_max_position_embeddings", 1, 1u << 24, 0),
                           .pairs = c.rotary_values() / 2};
  if (of.local_rope) c.local_rope_theta = config.real("rope_local_base_freq", theta_min, theta_max, theta_fallback);
  auto old = read_old(config, around);
  if (of.local_rope && !config.has("rope_theta")) old.theta = 1e6f;  // this architecture's
  auto found = old;
  if (config.has("rope_parameters")) {
    found = read_new(config, around, old, of.local_rope, c);
    if (config.has("rope_theta") && found.theta != old.theta)
      config.refuse("\"rope_theta\" and the one in \"rope_parameters\" differ; take one of them out");
    if (config.has("rope_scaling") && !(found.scaling == old.scaling))
      config.refuse("\"rope_scaling\" and \"rope_parameters\" differ; take one of them out");
  }
  c.rope_theta = found.theta;
  c.scaling = found.scaling;
}

}  // namespace chromatin::model
