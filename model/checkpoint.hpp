#pragma once

/// A whole model, opened and checked: a checkpoint folder, or a GGUF file.

#include <filesystem>
#include <memory>

#include "model/chat_template.hpp"
#include "model/config.hpp"
#include "model/tokenizer.hpp"
#include "model/weights.hpp"

namespace chromatin::model {

/// Immutable; any thread; held by shared pointer by everyone who uses it.
struct checkpoint {
  std::string name;  ///< the folder or file that it is from
  struct config config;
  std::shared_ptr<const class tokenizer> tokenizer;
  chat_template chat;
  class weights weights;
  kv::fingerprint fingerprint;  ///< of config, tokenizer and weights

  /// `model` is what find_model takes. `context` overrides the config's number of tokens, unless 0. Throws load_error.
  static std::shared_ptr<const checkpoint> open(const std::filesystem::path& model, std::uint32_t context = 0);
  /// The same without the fingerprint, for which all of the weights are read.
  static std::shared_ptr<const checkpoint> look_at(const std::filesystem::path& model, std::uint32_t context = 0);
  /// The fingerprint of a cache that holds this model's keys and values as `type`, computed with weights of this kind.
  kv::fingerprint cache_fingerprint(kv::dtype type, weight_kind kind = weight_kind::stored) const;
};

}  // namespace chromatin::model
