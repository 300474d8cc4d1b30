#pragma once

/// One object of a config.json that says how positions are stretched.

#include "model/config.hpp"
#include "model/json_node.hpp"

namespace chromatin::model {

/// What stands outside the object and matters inside it.
struct rope_surroundings {
  std::uint32_t trained_context = 0;   ///< "max_position_embeddings"
  std::uint32_t original_context = 0;  ///< "original_max_position_embeddings" beside it, 0 if it is not there
  std::uint32_t pairs = 0;             ///< of values that rotate
};

rope_scaling read_scaling(const json_node& in, const rope_surroundings& around);

}  // namespace chromatin::model
