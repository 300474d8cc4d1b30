#pragma once

/// A checkpoint's folder as far as chat templates go, with a tokenizer that has given control tokens.

#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "model/chat_template.hpp"
#include "tests/model/load_reason.hpp"
#include "tests/model/tiny_tokenizer.hpp"

namespace chromatin::model {

using tokens = std::vector<kv::token_id>;

inline const std::vector<std::string> usual_controls{
    "<|im_start|>",      "<|im_end|>",      "<|begin_of_text|>", "<|eot_id|>",    "<|start_header_id|>",
    "<|end_header_id|>", "<|end|>",         "<start_of_turn>",   "<end_of_turn>", "<|end_of_turn|>",
    "<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>",   "<s>",           "</s>"};

struct chat_folder {
  explicit chat_folder(const std::vector<std::string>& more = {}) : known{usual_controls} {
    known.insert(known.end(), more.begin(), more.end());
    auto file = tiny_tokenizer({"h e", "l l"});
    for (const auto& c : known) add_token(file, c, true);
    words = open_tokenizer(file);
  }

  chat_template open(const nlohmann::json& config) const {
    std::ofstream{folder / "tokenizer_config.json"} << config;
    return chat_template::open(folder.path(), words);
  }

  /// The template as a checkpoint with `</s>` and `<s>` has it.
  chat_template open(const std::string& text) const {
    return open({{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"chat_template", text}});
  }

  chat_template open(const char* text) const { return open(std::string{text}); }

  std::string reason(const nlohmann::json& config) const {
    return load_reason([&] { open(config); });
  }
  std::string reason(const std::string& text) const {
    return reason(nlohmann::json{{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"chat_template", text}});
  }

  /// The tokens of a text in which control tokens are named.
  tokens read(std::string_view text) const {
    tokens all;
    while (!text.empty()) {
      auto at = text.size();
      const std::string* next = nullptr;
      for (const auto& c : known)
        if (auto found = text.find(c); found < at) at = found, next = &c;
      auto plain = words->encode(text.substr(0, at));
      all.insert(all.end(), plain.begin(), plain.end());
      if (!next) break;
      all.push_back(words->control(*next));
      text.remove_prefix(at + next->size());
    }
    return all;
  }

  test::temporary_folder folder;
  std::shared_ptr<const tokenizer> words;
  std::vector<std::string> known;
};

inline void append(tokens& to, const tokens& more) { to.insert(to.end(), more.begin(), more.end()); }

/// A user's message, an answer, a user's message, …; behind a system message, unless that is empty.
inline std::vector<message> conversation(const std::string& system, const std::vector<std::string>& said) {
  std::vector<message> all;
  if (!system.empty()) all.push_back({"system", system});
  for (std::size_t i = 0; i < said.size(); ++i) all.push_back({i % 2 == 0 ? "user" : "assistant", said[i]});
  return all;
}

/// The tokens of a whole conversation, without what makes the model answer.
inline tokens said_tokens(const chat_template& chat, const std::vector<message>& all) {
  auto made = chat.go_on({}, all);
  auto result = made.head;
  for (std::size_t i = all[0].role == "system"; i < all.size(); ++i) append(result, made.messages[i]);
  return result;
}

/// A whole conversation, and the beginning of the next answer.
inline tokens converse(const chat_template& chat, const std::string& system, const std::vector<std::string>& said) {
  auto all = conversation(system, said);
  auto result = said_tokens(chat, all);
  append(result, chat.go_on({}, all).answer_prompt);
  return result;
}

}  // namespace chromatin::model
