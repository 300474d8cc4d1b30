#pragma once

/// Shapes of real models, and tiny ones of each kind, for checkpoints of random weights.

#include <string>
#include <vector>

#include "model/config.hpp"

namespace chromatin::model {

/// Who made the model: decides its tokenizer and its chat template.
enum class model_family : std::uint8_t { llama, llama3, qwen2, mistral };

/// Of the weights of tiny ones: large enough for attention to be far from even, so that tests see where it looks.
constexpr float tiny_deviation = 0.15f;

struct checkpoint_shape {
  std::string name;
  model_family family = model_family::llama;
  struct config config;
  float deviation = 0.02f;         ///< of the weights
  kv::token_id first_control = 0;  ///< of a byte-level tokenizer: control tokens have ids from here on
  std::string architecture = {};   ///< as config.json names it; empty: the family's
};

const std::vector<checkpoint_shape>& checkpoint_shapes();
/// Those of them that differ from LLaMA in more than sizes.
std::vector<checkpoint_shape> trait_shapes();

/// Throws load_error that names the known ones.
const checkpoint_shape& find_checkpoint_shape(const std::string& name);

}  // namespace chromatin::model
