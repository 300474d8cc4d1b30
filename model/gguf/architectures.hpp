#pragma once

/// The architectures of GGUF files that are served, and how each says what its config.json would say.

#include <span>
#include <string>
#include <string_view>

#include "model/gguf/metadata.hpp"

namespace chromatin::model::gguf {

struct architecture {
  std::string_view name;                ///< as in `general.architecture`
  std::string_view hugging_face, type;  ///< as in config.json's "architectures" and "model_type"
  /// Rows of queries and keys lie in pairs that rotate together, where Hugging Face has the first halves of all pairs
  /// before the second ones.
  bool pairs_side_by_side = false;
  bool norms_around_blocks = false;  ///< Gemma: four norms a layer
  bool norm_has_one_added = false;   ///< Gemma: the file's norms have the 1 in them that config.json's model adds
  bool fused_gate = false;           ///< `ffn_up` is gate and up, stacked
};

/// Throws load_error that names the known ones.
const architecture& find_architecture(const metadata& values);

}  // namespace chromatin::model::gguf
