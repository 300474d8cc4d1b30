#pragma once

/// Which of the chat templates that we know a checkpoint has.

#include <string>

#include "model/chat_patterns.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {

/// What a checkpoint's folder says about its chats.
struct chat_description {
  std::string where;  ///< for errors: file and key of the template
  std::string text;   ///< the template, in Jinja
  std::string bos;    ///< the piece that templates call bos_token; may be empty
  std::string eos;    ///< the same of eos_token
};

/// A template is known when all of it is that of a known one: its layout, its comments and the quotes of its strings
/// may differ, and ChatML's may have any system message of their own. Everything else is refused: throws load_error
/// that names `where`, and what is missing if the template is known and the description has no bos_token or eos_token.
chat_patterns recognise_patterns(const chat_description& chat, const tokenizer& words);

}  // namespace chromatin::model
