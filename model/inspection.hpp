#pragma once

/// What was understood of a model, for people: `chromatin inspect`.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/checkpoint.hpp"

namespace chromatin::model {

/// The tensors of one element type.
struct weights_of_type {
  std::uint64_t tensors = 0, values = 0, bytes = 0;
};

struct inspection {
  std::string name, format, architecture;    ///< format: "checkpoint folder" or "GGUF"
  std::vector<std::filesystem::path> files;  ///< with weights
  std::shared_ptr<const checkpoint> model;   ///< without a fingerprint
  std::vector<std::string> traits;           ///< beyond LLaMA's
  std::string positions, tokenizer;
  std::vector<std::pair<kv::token_id, std::string>> ends_of_answer;  ///< with the texts of control tokens
  std::map<std::string, weights_of_type> weights;                    ///< by type
  std::string sample;                                                ///< a conversation as the template writes it

  weights_of_type all_weights() const;
};

/// `context` as for checkpoint::open, `now_s` as for render_options. Reads no more of the weights than where they are.
/// Throws load_error.
inspection inspect(const std::filesystem::path& model, std::uint32_t context, std::int64_t now_s);

}  // namespace chromatin::model
