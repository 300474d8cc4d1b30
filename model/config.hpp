#pragma once

/// The shape of a LLaMA-family model (LLaMA, Mistral, Qwen2), read from a Hugging Face folder's config.json and
/// generation_config.json.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// How rotary positions are stretched over a longer context than the model was first trained on.
struct rope_scaling {
  enum class kind : std::uint8_t { none, linear, llama3 };
  kind type = kind::none;
  float factor = 1;
  float low_frequency_factor = 1, high_frequency_factor = 4;  ///< of llama3
  std::uint32_t original_context = 0;                         ///< of llama3, tokens
  bool operator==(const rope_scaling&) const = default;
};

struct config {
  std::uint32_t layers = 0;
  std::uint32_t hidden = 0;
  std::uint32_t heads = 0;
  std::uint32_t kv_heads = 0;  ///< grouped-query attention: `heads` is a multiple of it
  std::uint32_t head_dim = 0;
  std::uint32_t ffn = 0;
  std::uint32_t vocabulary = 0;
  std::uint32_t context = 0;  ///< tokens
  float rms_norm_eps = 1e-5f;
  float rope_theta = 10000.0f;
  rope_scaling scaling;
  bool tied_embeddings = false;
  bool attention_bias = false;              ///< of the query, key and value projections (Qwen2)
  std::vector<kv::token_id> end_of_answer;  ///< any of them ends an answer
  std::uint32_t answer_tokens_default = 0;  ///< generation_config.json's max_new_tokens, 0 if it names none

  bool is_end_of_answer(kv::token_id token) const;
  std::uint32_t group() const { return heads / kv_heads; }
  kv::geometry cache_geometry(kv::dtype type) const { return {layers, kv_heads, head_dim, type}; }
};

/// Reads and checks the config of what find_model finds: a folder's config.json, or a GGUF file's metadata. Every
/// number is checked, since sizes of buffers follow from it, and what would change the computation and is not built is
/// refused by file and key. `context` overrides the file's number of tokens, unless 0. Throws load_error.
config read_config(const std::filesystem::path& model, std::uint32_t context = 0);

/// The whole file. Throws load_error naming it.
std::string read_file(const std::filesystem::path& file);

}  // namespace chromatin::model
