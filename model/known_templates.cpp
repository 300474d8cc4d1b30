#include "model/known_templates.hpp"

#include <vector>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

// Where there is no default date in a checkpoint's template, or a clock is asked, this is what it falls back to. A date
// that changed would make every conversation's beginning another one.
constexpr std::string_view llama31_date = "26 Jul 2024";
const std::string llama31_system = fmt::format(
    "⟦<|start_header_id|>⟧system⟦<|end_header_id|>⟧\n\nCutting Knowledge Date: December 2023\nToday Date: {}\n\n",
    llama31_date);

chat_patterns llama3() {
  return {.name = "Llama-3",
          .opening = "⟦<|begin_of_text|>⟧",
          .default_system = "",
          .system = "⟦<|start_header_id|>⟧system⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
          .user = "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
          .user_after_system = "⟦<|start_header_id|>⟧user⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
          .assistant = "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n{}⟦<|eot_id|>⟧",
          .answer_prompt = "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n",
          .answer_end = "<|eot_id|>",
          .after_answer = "",
          .trims = true};
}

chat_patterns llama31() {
  auto p = llama3();
  p.name = "Llama-3.1";
  p.default_system = llama31_system + "⟦<|eot_id|>⟧";
  p.system = llama31_system + "{}⟦<|eot_id|>⟧";
  return p;
}

chat_patterns chatml() {
  return {.name = "ChatML",
          .opening = "",
          .default_system = "",
          .system = "⟦<|im_start|>⟧system\n{}⟦<|im_end|>⟧\n",
          .user = "⟦<|im_start|>⟧user\n{}⟦<|im_end|>⟧\n",
          .user_after_system = "⟦<|im_start|>⟧user\n{}⟦<|im_end|>⟧\n",
          .assistant = "⟦<|im_start|>⟧assistant\n{}⟦<|im_end|>⟧\n",
          .answer_prompt = "⟦<|im_start|>⟧assistant\n",
          .answer_end = "<|im_end|>",
          .after_answer = "\n"};
}

chat_patterns llama2() {
  return {.name = "Llama-2",
          .opening = "",
          .default_system = "",
          .system = "⟦<s>⟧[INST] <<SYS>>\n{}\n<</SYS>>\n\n",
          .user = "⟦<s>⟧[INST] {} [/INST]",
          .user_after_system = "{} [/INST]",
          .assistant = " {} ⟦</s>⟧",
          .answer_prompt = "",
          .answer_end = "</s>",
          .after_answer = ""};
}

/// Before the tokenizers in which [INST] is a control token. There is no place for a system message of its own.
chat_patterns mistral() {
  return {.name = "Mistral",
          .opening = "⟦<s>⟧",
          .default_system = "",
          .system = "[INST] {}\n\n",
          .user = "[INST] {} [/INST]",
          .user_after_system = "{} [/INST]",
          .assistant = "{}⟦</s>⟧",
          .answer_prompt = "",
          .answer_end = "</s>",
          .after_answer = ""};
}

chat_patterns mistral_v3(std::string_view space) {
  return {.name = "Mistral-v3",
          .opening = "⟦<s>⟧",
          .default_system = "",
          .system = fmt::format("⟦[INST]⟧{}{{}}\n\n", space),
          .user = fmt::format("⟦[INST]⟧{}{{}}⟦[/INST]⟧", space),
          .user_after_system = "{}⟦[/INST]⟧",
          .assistant = fmt::format("{}{{}}⟦</s>⟧", space),
          .answer_prompt = "",
          .answer_end = "</s>",
          .after_answer = ""};
}

chat_patterns concierge() {
  return {.name = "concierge",
          .opening = "⟦<s>⟧",
          .default_system = "",
          .system = "⟦<|system|>⟧\n{}⟦</s>⟧\n",
          .user = "⟦<|user|>⟧\n{}⟦</s>⟧\n",
          .user_after_system = "⟦<|user|>⟧\n{}⟦</s>⟧\n",
          .assistant = "⟦<|assistant|>⟧\n{}⟦</s>⟧\n",
          .answer_prompt = "⟦<|assistant|>⟧\n",
          .answer_end = "</s>",
          .after_answer = "\n"};
}

chat_patterns zephyr() {
  return {.name = "Zephyr",
          .opening = "",
          .default_system = "",
          .system = "<|system|>\n{}⟦</s>⟧\n",
          .user = "<|user|>\n{}⟦</s>⟧\n",
          .user_after_system = "<|user|>\n{}⟦</s>⟧\n",
          .assistant = "<|assistant|>\n{}⟦</s>⟧\n",
          .answer_prompt = "<|assistant|>\n",
          .answer_end = "</s>",
          .after_answer = "\n"};
}

/// The system message that a ChatML template has written out: a whole message with no expression in it.
std::string written_system(std::string_view text) {
  constexpr std::string_view begin = "<|im_start|>system", end = "<|im_end|>";
  for (auto at = text.find(begin); at != std::string_view::npos; at = text.find(begin, at + 1)) {
    auto rest = text.substr(at + begin.size());
    for (std::string_view line_end : {"\n", "\\n"})  // itself, or as Jinja writes it
      if (rest.starts_with(line_end)) {
        auto content = rest.substr(line_end.size());
        content = content.substr(0, content.find(end));
        if (content.size() + line_end.size() < rest.size() && !content.empty() &&
            content.find_first_of("'\"{}\\") == std::string_view::npos)
          return std::string{content};
      }
  }
  return {};
}

chat_patterns chatml_as_written(const chat_description& chat) {
  auto p = chatml();
  if (!chat.bos.empty() && chat.text.find("bos_token") != std::string::npos) p.opening = fmt::format("⟦{}⟧", chat.bos);
  if (auto content = written_system(chat.text); !content.empty())
    p.default_system = fmt::format("⟦<|im_start|>⟧system\n{}⟦<|im_end|>⟧\n", content);
  return p;
}

}  // namespace

std::optional<chat_patterns> recognise_patterns(const chat_description& chat, const tokenizer& words) {
  auto has = [&](std::string_view mark) { return chat.text.find(mark) != std::string::npos; };
  if (has("<|im_start|>")) return chatml_as_written(chat);
  if (has("<|start_header_id|>")) {
    if (!has("Cutting Knowledge Date")) return llama3();
    if (has("Cutting Knowledge Date: December 2023") && has(llama31_date)) return llama31();
    return std::nullopt;
  }
  if (has("[INST]") && has("<<SYS>>")) {
    auto p = llama2();
    p.trims = has("strip()") || has("trim");
    return p;
  }
  if (has("[INST]") && !has("[SYSTEM_PROMPT]")) {
    if (!words.find_control("[INST]")) return mistral();
    // SentencePiece gives the space before a word by itself.
    return mistral_v3(has("[INST] ") && !words.adds_leading_space() ? " " : "");
  }
  if (has("<|{{ message['role'] }}|>") && has("bos_token")) return concierge();
  if (has("<|user|>") && has("<|assistant|>") && has("eos_token")) return zephyr();
  return std::nullopt;
}

std::string known_template_names() {
  std::string names;
  for (const auto& p : {concierge(), zephyr(), chatml(), llama2(), llama3(), llama31(), mistral(), mistral_v3("")})
    names += (names.empty() ? "" : ", ") + p.name;
  return names;
}

}  // namespace chromatin::model
