#include "model/chat_template.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/config.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

/// In a pattern, `{}` is the content and `⟦piece⟧` a control token; everything else is plain text.
constexpr std::string_view content_mark = "{}";
constexpr std::string_view control_open = "⟦";
constexpr std::string_view control_close = "⟧";

std::string template_text(const std::filesystem::path& folder) {
  auto file = folder / "tokenizer_config.json";
  auto parsed = nlohmann::json::parse(read_file(file), nullptr, false);
  if (!parsed.is_object() || !parsed.value("chat_template", nlohmann::json{}).is_string())
    throw load_error(fmt::format("{}: has no chat_template; a chat model is needed", file.string()));
  return parsed["chat_template"].get<std::string>();
}

/// Order matters: the first whose mark occurs in the template wins.
std::string_view recognise_name(std::string_view text) {
  auto has = [&](std::string_view mark) { return text.find(mark) != std::string_view::npos; };
  if (has("<|im_start|>")) return "ChatML";
  if (has("<|start_header_id|>")) return "Llama-3";
  if (has("[INST]") && has("<<SYS>>")) return "Llama-2";
  if (has("<|{{ message['role'] }}|>") && has("bos_token")) return "concierge";
  if (has("<|user|>") && has("<|assistant|>") && has("eos_token")) return "Zephyr";
  return {};
}

}  // namespace

const std::vector<chat_template::patterns>& chat_template::known() {
  static const std::vector<patterns> all{
      {.name = "concierge",
       .opening = "⟦<s>⟧",
       .system = "⟦<|system|>⟧\n{}⟦</s>⟧\n",
       .user = "⟦<|user|>⟧\n{}⟦</s>⟧\n",
       .user_after_system = "⟦<|user|>⟧\n{}⟦</s>⟧\n",
       .assistant = "⟦<|assistant|>⟧\n{}⟦</s>⟧\n",
       .answer_prompt = "⟦<|assistant|>⟧\n",
       .answer_end = "</s>",
       .after_answer = "\n"},
      {.name = "Zephyr",
       .opening = "",
       .system = "<|system|>\n{}⟦</s>⟧\n",
       .user = "<|user|>\n{}⟦</s>⟧\n",
       .user_after_system = "<|user|>\n{}⟦</s>⟧\n",
       .assistant = "<|assistant|>\n{}⟦</s>⟧\n",
       .answer_prompt = "<|assistant|>\n",
       .answer_end = "</s>",
       .after_answer = "\n"},
      {.name = "ChatML",
       .opening = "",
       .system = "⟦<|im_start|>⟧system\n{}⟦<|im_end|>⟧\n",
       .user = "⟦<|im_start|>⟧user\n{}⟦<|im_end|>⟧\n",
       .user_after_system = "⟦<|im_start|>⟧user\n{}⟦<|im_end|>⟧\n",
       .assistant = "⟦<|im_start|>⟧assistant\n{}⟦<|im_end|>⟧\n",
       .answer_prompt = "⟦<|im_start|>⟧assistant\n",
       .answer_end = "<|im_end|>",
       .after_answer = "\n"},
      {.name = "Llama-2",
       .opening = "",
       .system = "⟦<s>⟧[INST] <<SYS>>\n{}\n<</SYS>>\n\n",
       .user = "⟦<s>⟧[INST] {} [/INST]",
       .user_after_system = "{} [/INST]",
       .assistant = " {} ⟦</s>⟧",
       .answer_prompt = "",
       .answer_end = "</s>",
       .after_answer = ""},
      {.name = "Llama-3",
       .opening = "⟦<|begin_of_text|>⟧",
       .system = "⟦<|start_header_id|>⟧system⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
       .user = "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
       .user_after_system = "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
       .assistant = "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
       .answer_prompt = "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n",
       .answer_end = "<|eot_id|>",
       .after_answer = ""}};
  return all;
}

chat_template chat_template::recognise(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words) {
  auto name = recognise_name(template_text(folder));
  chat_template result;
  std::string names;
  for (const auto& p : known()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", p.name);
    if (p.name == name) result.patterns_ = &p;
  }
  if (!result.patterns_)
    throw load_error(fmt::format("{}: its chat template is not known; known: {}",
                                 (folder / "tokenizer_config.json").string(), names));
  result.name_ = name;
  result.words_ = std::move(words);
  result.answer_end_ = result.words_->control(result.patterns_->answer_end);
  result.render(
      {"user", "x"});  // a template whose control tokens the tokenizer lacks is found now, not in the first turn
  return result;
}

std::vector<kv::token_id> chat_template::render_pattern(std::string_view pattern, std::string_view content) const {
  std::vector<kv::token_id> ids;
  std::string plain;
  auto flush = [&] {
    auto part = words_->encode(plain);
    ids.insert(ids.end(), part.begin(), part.end());
    plain.clear();
  };
  while (!pattern.empty()) {
    if (pattern.starts_with(content_mark)) {
      plain += content;
      pattern.remove_prefix(content_mark.size());
    } else if (pattern.starts_with(control_open)) {
      flush();
      auto end = pattern.find(control_close);
      ids.push_back(words_->control(pattern.substr(control_open.size(), end - control_open.size())));
      pattern.remove_prefix(end + control_close.size());
    } else {
      plain += pattern.front();
      pattern.remove_prefix(1);
    }
  }
  flush();
  return ids;
}

std::vector<kv::token_id> chat_template::opening() const { return render_pattern(patterns_->opening, {}); }

std::vector<kv::token_id> chat_template::render(const message& m, std::string_view after_role) const {
  auto pattern = m.role == "system"       ? patterns_->system
                 : m.role == "assistant"  ? patterns_->assistant
                 : after_role == "system" ? patterns_->user_after_system
                                          : patterns_->user;
  return render_pattern(pattern, m.content);
}

std::vector<kv::token_id> chat_template::answer_prompt() const { return render_pattern(patterns_->answer_prompt, {}); }

std::vector<kv::token_id> chat_template::after_answer() const { return render_pattern(patterns_->after_answer, {}); }

}  // namespace chromatin::model
