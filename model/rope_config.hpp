#pragma once

/// How a config.json says what positions do.

#include "model/config.hpp"
#include "model/json_node.hpp"

namespace chromatin::model {

struct rope_config {
  float theta = 10000.0f;
  rope_scaling scaling;
};

/// Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before). Where a file has both, they
/// must say the same. Throws load_error naming file and key for kinds that are not built and for parts that the kind
/// needs and are missing.
rope_config read_rope(const json_node& config);

}  // namespace chromatin::model
