#pragma once

/// How a config.json says what positions do.

#include "model/architectures.hpp"
#include "model/config.hpp"
#include "model/json_node.hpp"

namespace chromatin::model {

/// Reads `rope_parameters` (transformers 5), or `rope_theta` and `rope_scaling` (before), into `c`. Where a file has
/// both, they must say the same. `trained_context` is the file's number of tokens, whatever is served. Throws
/// load_error naming file and key for kinds that are not built and for parts that the kind needs and are missing.
void read_rope(const json_node& config, const architecture& of, std::uint32_t trained_context, struct config& c);

}  // namespace chromatin::model
