#pragma once

/// The chat templates we know, as patterns of tokens.
///
/// In a pattern `{}` stands for the content, `{trim}` for the content without white space around it, `{trim_end}`
/// without white space behind it; `⟦piece⟧` is a control token, `⟦?piece⟧` is one where the tokenizer has it and plain
/// text where not. Everything else is plain text. The tokens that the checkpoint calls bos_token and eos_token are
/// `⟦bos⟧`, `⟦eos⟧` and, where a template does without it, `⟦bos_or_nothing⟧`.

#include <optional>
#include <string>
#include <string_view>

#include "model/tokenizer.hpp"

namespace chromatin::model {

struct chat_patterns {
  std::string name;
  std::string opening;  ///< before the first message
  std::string system;
  std::string user, user_after_system, user_later;  ///< the first message; after a system message; after any other
  std::string assistant, answer_prompt;
  std::string answer_end;                     ///< a control token's piece
  std::optional<std::string> default_system;  ///< the content of the system message where a conversation has none
  bool moves_system = false;  ///< the template puts the system message before the last user message, wherever that is
};

/// The patterns of the template with this hash (see `recognise_patterns`), if it is a known one.
std::optional<chat_patterns> find_patterns(std::string_view hash, const tokenizer& words);

/// For errors: the names of all, with commas.
std::string known_template_names();

}  // namespace chromatin::model
