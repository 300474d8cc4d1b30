#pragma once

/// Tokens that a checkpoint's folder adds to its tokenizer beside the tokenizer's own file.

#include <filesystem>
#include <vector>

#include "model/tokenizer_parts.hpp"

namespace chromatin::model {

struct folder_tokens {
  /// Of `added_tokens.json`, and of `added_tokens_decoder` in `tokenizer_config.json`, which knows more of a token.
  std::vector<added_token> added;
  /// `legacy` in `tokenizer_config.json`: SentencePiece puts a space before a text behind a control token too.
  bool legacy = true;
};

/// Throws load_error for what cannot be read. A file that is not there adds nothing.
folder_tokens read_folder_tokens(const std::filesystem::path& folder);

/// Adds those that `to` does not have; one that it has becomes a control token if `more` says so.
void merge_added(const std::vector<added_token>& more, std::vector<added_token>& to);

}  // namespace chromatin::model
