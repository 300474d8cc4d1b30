#pragma once

/// How a conversation becomes tokens. A set of templates is known by the text that checkpoints ship; they are rendered
/// piece by piece, so that a conversation's exact token ids are appended to and never made anew from text.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/known_templates.hpp"
#include "model/message.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {

/// Immutable; any thread.
class chat_template {
 public:
  /// Recognises the template by its whole text: `folder/chat_template.jinja` where there is one, else `chat_template`
  /// in `folder/tokenizer_config.json`. Throws load_error that names file and key, and the known ones.
  static chat_template recognise(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words);

  const std::string& name() const { return patterns_.name; }
  /// What stands before the first message.
  std::vector<kv::token_id> opening() const;
  /// What stands after that in a conversation that has no system message of its own; mostly nothing.
  std::vector<kv::token_id> default_system() const;
  /// One whole message; `after_role` is the role of the message before, empty for the first.
  std::vector<kv::token_id> render(const message& m, std::string_view after_role = {}) const;
  /// False where the template moves the system message to the last user message: then what was said before would have
  /// to change with every message.
  bool keeps_system() const { return !patterns_.moves_system; }
  /// What makes the model answer.
  std::vector<kv::token_id> answer_prompt() const;
  /// The token that ends an answer.
  kv::token_id answer_end() const { return answer_end_; }

 private:
  std::vector<kv::token_id> render_pattern(std::string_view pattern, std::string_view content,
                                           bool goes_on = false) const;
  std::vector<kv::token_id> encode(std::string_view text, bool goes_on) const;

  chat_patterns patterns_;
  std::shared_ptr<const tokenizer> words_;
  kv::token_id answer_end_ = 0;
};

}  // namespace chromatin::model
