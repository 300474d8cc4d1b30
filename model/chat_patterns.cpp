#include "model/chat_patterns.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace chromatin::model {
namespace {

// Where there is no default date in a checkpoint's template, or a clock is asked, this is what it falls back to. A date
// that changed would make every conversation's beginning another one.
constexpr std::string_view llama31_date = "26 Jul 2024";

/// With the white space around contents, or without it.
enum class contents : std::uint8_t { whole, trimmed };

std::string mark(contents c) { return c == contents::whole ? "{}" : "{trim}"; }

// The piece that ends an answer stands at the end of it; what follows before the next message belongs to that message.

chat_patterns chatml(contents c = contents::whole) {
  auto message = [&](const char* role) { return fmt::format("⟦<|im_start|>⟧{}\n{}⟦<|im_end|>⟧", role, mark(c)); };
  return {.name = "ChatML",
          .opening = "",
          .system = message("system") + "\n",
          .user = message("user"),
          .user_after_system = message("user"),
          .user_later = "\n" + message("user"),
          .assistant = "\n" + message("assistant"),
          .answer_prompt = "\n⟦<|im_start|>⟧assistant\n",
          .answer_end = "<|im_end|>",
          .default_system = {}};
}

chat_patterns chatml_after_bos(contents c = contents::whole) {
  auto p = chatml(c);
  p.opening = "⟦bos_or_nothing⟧";
  return p;
}

/// A system message without a header.
chat_patterns yi() {
  auto p = chatml();
  p.name = "Yi-1.5";
  p.system = "{}";
  return p;
}

chat_patterns llama3() {
  auto message = [](const char* role) {
    return fmt::format("⟦<|start_header_id|>⟧{}⟦<|end_header_id|>⟧\n\n{{trim}}⟦<|eot_id|>⟧", role);
  };
  return {.name = "Llama-3",
          .opening = "⟦bos⟧",
          .system = message("system"),
          .user = message("user"),
          .user_after_system = message("user"),
          .user_later = message("user"),
          .assistant = message("assistant"),
          .answer_prompt = "⟦<|start_header_id|>⟧assistant⟦<|end_header_id|>⟧\n\n",
          .answer_end = "<|eot_id|>",
          .default_system = {}};
}

chat_patterns llama31() {
  auto p = llama3();
  p.name = "Llama-3.1";
  p.opening = "⟦bos_or_nothing⟧";
  p.system = fmt::format(
      "⟦<|start_header_id|>⟧system⟦<|end_header_id|>⟧\n\nCutting Knowledge Date: December 2023\nToday Date: {}\n\n"
      "{{trim}}⟦<|eot_id|>⟧",
      llama31_date);
  p.default_system = "";
  return p;
}

chat_patterns llama2(contents system) {
  return {.name = "Llama-2",
          .opening = "",
          .system = fmt::format("⟦bos⟧[INST] <<SYS>>\n{}\n<</SYS>>\n\n", mark(system)),
          .user = "⟦bos⟧[INST] {trim} [/INST]",
          .user_after_system = "{trim_end} [/INST]",
          .user_later = "⟦bos⟧[INST] {trim} [/INST]",
          .assistant = " {trim} ⟦eos⟧",
          .answer_prompt = "",
          .answer_end = "eos",
          .default_system = {}};
}

/// `before`, `open` and `close` are what stands around an instruction, as the template has it. Templates that have no
/// place for a system message get it before the first instruction's text.
chat_patterns mistral(const tokenizer& words, std::string_view before, std::string_view open, std::string_view close,
                      std::string_view assistant) {
  std::string begin{open}, end{close};
  if (words.find_control("[INST]")) {
    // SentencePiece gives the space before a word by itself.
    begin = open.ends_with(' ') && !words.adds_leading_space() ? "⟦[INST]⟧ " : "⟦[INST]⟧";
    end = close.starts_with(' ') ? " ⟦[/INST]⟧" : "⟦[/INST]⟧";
  }
  auto user = fmt::format("{}{}{{}}{}", before, begin, end);
  return {.name = "Mistral",
          .opening = "⟦bos_or_nothing⟧",
          .system = fmt::format("{}{}{{}}\n\n", before, begin),
          .user = user,
          .user_after_system = "{}" + end,
          .user_later = user,
          .assistant = fmt::format("{}⟦eos⟧", assistant),
          .answer_prompt = "",
          .answer_end = "eos",
          .default_system = {}};
}

chat_patterns mistral_spaced(const tokenizer& words) {
  auto p = mistral(words, "", "[INST] ", " [/INST]", "{}");
  p.user_later = " " + p.user_later;
  return p;
}

chat_patterns mistral_moving(const tokenizer& words, std::string_view open, std::string_view assistant) {
  auto p = mistral(words, "", open, "[/INST]", assistant);
  p.name = "Mistral-v3";
  p.moves_system = true;
  return p;
}

chat_patterns mistral_trimmed(const tokenizer& words) {
  auto p = mistral(words, "", "[INST] ", " [/INST]", " {trim}");
  for (auto* user : {&p.user, &p.user_later}) user->replace(user->find("{}"), 2, "{trim}");
  p.system = "{trim}\n\n";
  p.user_after_system = p.user;
  return p;
}

/// Roles are plain text where the tokenizer has no such pieces. Then they are cut into tokens together with the end of
/// the line before them.
chat_patterns zephyr(contents c = contents::whole) {
  auto message = [&](const char* role) { return fmt::format("⟦?<|{}|>⟧\n{}⟦eos⟧", role, mark(c)); };
  return {.name = "Zephyr",
          .opening = "",
          .system = message("system"),
          .user = message("user"),
          .user_after_system = "\n" + message("user"),
          .user_later = "\n" + message("user"),
          .assistant = "\n" + message("assistant"),
          .answer_prompt = "\n⟦?<|assistant|>⟧\n",
          .answer_end = "eos",
          .default_system = {}};
}

chat_patterns concierge() {
  auto p = zephyr();
  p.name = "concierge";
  p.opening = "⟦bos_or_nothing⟧";
  return p;
}

struct known_template {
  std::string_view hash;
  chat_patterns (*patterns)(const tokenizer& words);
};

/// Behind each hash: who has the template. (*): the collection in tests/data/templates, put on one line as it asks for.
/// A hash is in the error about a template that is not known.
constexpr known_template known[]{
    // Contents in ChatML; with a system message of their own or without.
    {"cfa1a076367a203408376eb01cf31019", [](const tokenizer&) { return chatml(); }},  // OpenHermes 2.5, SmolLM
    {"552258960f06b67eab1983950486cef9", [](const tokenizer&) { return chatml(); }},  // Dolphin 2.5, Yi
    {"57e93fddee91e2dd5ee0dda9244e6952", [](const tokenizer&) { return chatml(); }},  // Qwen1.5, at first
    {"ff0ac891e51380ac467a90e2fce04caa", [](const tokenizer&) { return chatml(); }},  // Qwen2, SmolLM2
    {"ed94a41d9ee52ca587500095fa75586d", [](const tokenizer&) { return chatml(); }},  // Qwen2.5
    {"ed67aec9101e11ce23e7685bbfa234f3", [](const tokenizer&) { return chatml_after_bos(); }},  // Hermes 2 Pro
    {"e720c0c3f07b1e6013e26acfbadbc088", [](const tokenizer&) { return chatml_after_bos(); }},  // Hermes 2
    {"3f5ac485fda6834eaca8fd36f31a33cf", [](const tokenizer&) { return chatml_after_bos(contents::trimmed); }},  // (*)
    {"2dd43c547201c409b3be20370bb589d5", [](const tokenizer&) { return yi(); }},       // Yi-1.5
    {"3bb119ba29f411d45e0aea986c79bffd", [](const tokenizer&) { return llama3(); }},   // Llama 3, at first
    {"4ea95bdc7ed140c316fbfe44a0d5011c", [](const tokenizer&) { return llama3(); }},   // Llama 3
    {"dc0d0271606b3ebdb14d4f84c17893c8", [](const tokenizer&) { return llama3(); }},   // (*)
    {"51daf7c27abe2d5400167cb67a412108", [](const tokenizer&) { return llama31(); }},  // Llama 3.1, 3.3
    {"60dce7751ba71af9a5b870790b3513a8", [](const tokenizer&) { return llama31(); }},  // Llama 3.2
    // Llama 2, with a system message that is asked for by a variable or not.
    {"e58c14b0e885ae3d72f9d42ccd890b3b", [](const tokenizer&) { return llama2(contents::whole); }},
    {"dd6210693d55ab2c246524bd4c1e4552", [](const tokenizer&) { return llama2(contents::whole); }},
    {"ec106db906ae24ab66248236920a732b", [](const tokenizer&) { return llama2(contents::whole); }},
    {"3a8413f0ac76b8ba624b569e5a7ab5a5", [](const tokenizer&) { return llama2(contents::whole); }},
    {"458c14b22d9f1dcb910755ffceac10d8", [](const tokenizer&) { return llama2(contents::trimmed); }},  // (*)
    {"2131dad8e75a07fa2b62d81b1ddc664e", mistral_spaced},  // Mistral 7B v0.1, at first
    {"c099a7878a45b23b0054404b7537226c",                   // Mistral 7B v0.2, at first
     [](const tokenizer& words) { return mistral(words, "", "[INST] ", " [/INST]", "{}"); }},
    {"83bdf791caba9b5d5572d8264384219b",  // Mistral 7B v0.1 and v0.2
     [](const tokenizer& words) { return mistral(words, " ", "[INST] ", " [/INST]", " {}"); }},
    {"27a9c14a2688ff49e7ea64e54189f9eb", mistral_trimmed},  // (*)
    {"ebcc10e30d4f18a6b48a7fbe7ccc9130",                    // Mistral 7B v0.3
     [](const tokenizer& words) { return mistral_moving(words, "[INST] ", " {trim}"); }},
    {"178e0cef2fdf30885260b60ad7fefba0",  // Mistral Nemo
     [](const tokenizer& words) { return mistral_moving(words, "[INST]", "{}"); }},
    {"f1ddac5ae82632e8bdc1a09aafcf7c71", [](const tokenizer&) { return zephyr(); }},  // Zephyr 7B, TinyLlama
    {"339030cdebc6a1781375ba7adb843b1b", [](const tokenizer&) { return zephyr(contents::trimmed); }},  // (*)
    {"db1488b36582f973c46cb888042fbe51", [](const tokenizer&) { return concierge(); }},                // embedded
};

}  // namespace

std::optional<chat_patterns> find_patterns(std::string_view hash, const tokenizer& words) {
  auto found = std::find_if(std::begin(known), std::end(known), [&](const auto& k) { return k.hash == hash; });
  if (found == std::end(known)) return std::nullopt;
  return found->patterns(words);
}

std::string known_template_names() {
  return "ChatML, concierge, Llama-2, Llama-3, Llama-3.1, Mistral, Mistral-v3, Yi-1.5, Zephyr";
}

}  // namespace chromatin::model
