#pragma once

/// The chat templates we know, as patterns: `{}` is the content, `⟦piece⟧` a control token, everything else plain text.

#include <optional>
#include <string>
#include <string_view>

#include "model/tokenizer.hpp"

namespace chromatin::model {

struct chat_patterns {
  std::string name;
  std::string opening;         ///< before the first message
  std::string default_system;  ///< in place of a system message where there is none
  std::string system, user, user_after_system, assistant;
  std::string answer_prompt, answer_end, after_answer;
  bool trims = false;  ///< white space around a content is dropped
};

/// What a checkpoint's folder says about its chats.
struct chat_description {
  std::string text;  ///< the template, in Jinja
  std::string bos;   ///< the piece that templates call bos_token; may be empty
};

/// Templates are known by marks in their text. What a template says in place of a missing system message is taken from
/// it.
std::optional<chat_patterns> recognise_patterns(const chat_description& chat, const tokenizer& words);

/// For errors: the names of all, with commas.
std::string known_template_names();

}  // namespace chromatin::model
