#pragma once

/// What a `tokenizer.json` of the byte-level BPE kind says.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// A token beside the vocabulary.
struct added_token {
  std::string content;
  kv::token_id id = 0;
  bool special = false;     ///< a control token
  bool normalized = false;  ///< is looked for in the normalised text
};

/// One cut of a text into parts.
struct split_rule {
  std::string pattern;
  bool keep_rest = true;  ///< what the pattern does not match is a part too
  std::string where;      ///< for errors
};

struct tokenizer_json {
  std::vector<std::pair<std::string, kv::token_id>> vocabulary;  ///< in the byte alphabet
  std::vector<std::pair<std::string, std::string>> merges;       ///< in their order
  bool ignore_merges = false;  ///< a part that is a token as a whole is not put together by merges
  std::vector<added_token> added;
  bool compose = false;           ///< texts are normalised to NFC
  bool add_prefix_space = false;  ///< of a text that does not begin with one
  std::vector<split_rule> splits;
};

/// Reads and checks. Everything that would change tokens and is not understood is refused: throws load_error that names
/// it; `where` names the file. What is without effect on plain text is left out: post-processor (chat templates place
/// control tokens themselves), truncation, padding.
tokenizer_json parse_tokenizer_json(std::string_view text, const std::string& where);

}  // namespace chromatin::model
