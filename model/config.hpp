#pragma once

/// The shape of a LLaMA-family model, read from a Hugging Face folder's config.json and generation_config.json.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

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
  bool tied_embeddings = false;
  kv::token_id bos = 1;
  std::vector<kv::token_id> end_of_answer;  ///< any of them ends an answer
  std::uint32_t answer_tokens_default = 0;  ///< generation_config.json's max_new_tokens, 0 if it names none

  bool is_end_of_answer(kv::token_id token) const;
  std::uint32_t group() const { return heads / kv_heads; }
  kv::geometry cache_geometry(kv::dtype type) const { return {layers, kv_heads, head_dim, type}; }
};

/// Reads and checks `folder/config.json`; every number is checked, since sizes of buffers follow from it. Throws
/// load_error.
config read_config(const std::filesystem::path& folder);

/// The whole file. Throws load_error naming it.
std::string read_file(const std::filesystem::path& file);

}  // namespace chromatin::model
