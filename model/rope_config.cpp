#include "model/rope_config.hpp"

#include <fmt/format.h>

namespace chromatin::model {
namespace {

constexpr float theta_min = 1, theta_max = 1e12f, theta_fallback = 10000.0f;
constexpr const char* way_out =
    "; if the model was first trained without it, take it out and set \"max_position_embeddings\" to what it was "
    "trained on";

rope_scaling read_scaling(const json_node& in) {
  auto type = in.text("rope_type", in.text("type", in.has("factor") ? "" : "default"));
  if (in.has("type") && in.text("type") != type) in.refuse("\"rope_type\" and \"type\" differ");
  if (type != "default" && type != "linear" && type != "llama3")
    in.refuse(fmt::format("\"{}\" is not known; known: default, linear, llama3{}", type, way_out));
  in.must_be("partial_rotary_factor", {1}, "");
  rope_scaling scaling;
  if (type == "default") {
    in.only({"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings"});
    in.must_be("factor", {1}, " where the type is default");
    return scaling;
  }
  scaling.factor = in.real("factor", 1, 1024);
  if (type == "linear") {
    in.only({"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "original_max_position_embeddings"});
    scaling.type = rope_scaling::kind::linear;
    return scaling;
  }
  in.only({"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor", "low_freq_factor", "high_freq_factor",
           "original_max_position_embeddings"});
  scaling.type = rope_scaling::kind::llama3;
  scaling.low_frequency_factor = in.real("low_freq_factor", 1e-3f, 1024);
  scaling.high_frequency_factor = in.real("high_freq_factor", 1e-3f, 1024);
  scaling.original_context = in.number("original_max_position_embeddings", 1, 1u << 24);
  if (scaling.high_frequency_factor <= scaling.low_frequency_factor)
    in.refuse("\"high_freq_factor\" must be above \"low_freq_factor\"");
  return scaling;
}

json_node object_at(const json_node& config, const char* key) {
  auto found = config.at(key);
  if (!found.value.is_object()) found.refuse("must be an object");
  return found;
}

/// As transformers before 5 wrote it. What stands inside `rope_scaling` was not read then and is now: both must agree.
rope_config read_old(const json_node& config) {
  rope_config rope{.theta = config.real("rope_theta", theta_min, theta_max, theta_fallback), .scaling = {}};
  if (!config.has("rope_scaling")) return rope;
  auto scaling = object_at(config, "rope_scaling");
  if (scaling.real("rope_theta", theta_min, theta_max, rope.theta) != rope.theta)
    scaling.refuse("\"rope_theta\" differs from the one outside, which older programs read; put the right one there");
  rope.scaling = read_scaling(scaling);
  return rope;
}

}  // namespace

rope_config read_rope(const json_node& config) {
  auto old = read_old(config);
  if (!config.has("rope_parameters")) return old;
  auto parameters = object_at(config, "rope_parameters");
  rope_config rope{.theta = parameters.real("rope_theta", theta_min, theta_max, old.theta),
                   .scaling = read_scaling(parameters)};
  if (config.has("rope_theta") && rope.theta != old.theta)
    config.refuse("\"rope_theta\" and the one in \"rope_parameters\" differ; take one of them out");
  if (config.has("rope_scaling") && !(rope.scaling == old.scaling))
    config.refuse("\"rope_scaling\" and \"rope_parameters\" differ; take one of them out");
  return rope;
}

}  // namespace chromatin::model
