#pragma once

/// What a checkpoint's folder says about chats: the template's text and the special tokens' texts.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace chromatin::model {

struct chat_description {
  std::string text;   ///< of the template
  std::string file;   ///< that has it, without its folder
  std::string where;  ///< for errors: the file, and the key in it
  std::string bos, eos;
  /// Every special token that templates may name, such as `bos_token`, and its text.
  std::vector<std::pair<std::string, std::string>> special;
};

/// The template is `folder/chat_template.jinja` where there is one, else `chat_template` in `tokenizer_config.json`; of
/// several there, the one called default. Throws load_error.
chat_description read_chat_description(const std::filesystem::path& folder);

}  // namespace chromatin::model
