#include "model/known_templates.hpp"

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "model/jinja_text.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

/// Takes the system message that a ChatML template has written out, and what repeats it, out of its strings. Empty if
/// there is none, or several.
std::string take_default_system(std::vector<jinja_token>& tokens) {
  constexpr std::string_view begin = "<|im_start|>system\n", end = "<|im_end|>\n";
  auto strings = [&](auto&& work) {
    for (auto& token : tokens)
      if (token.type == jinja_token::kind::string) work(token.value);
  };
  std::vector<std::string> found;
  strings([&](const std::string& text) {
    if (text.size() <= begin.size() + end.size() || !text.starts_with(begin) || !text.ends_with(end)) return;
    found.push_back(text.substr(begin.size(), text.size() - begin.size() - end.size()));
  });
  if (found.empty() || std::count(found.begin(), found.end(), found.front()) != std::ssize(found)) return {};
  auto content = found.front();
  strings([&](std::string& text) {
    if (text == content) text = "⟦system⟧";
    if (text == fmt::format("{}{}{}", begin, content, end)) text = fmt::format("{}⟦system⟧{}", begin, end);
  });
  return content;
}

std::string hash_of(const std::vector<jinja_token>& tokens) {
  std::string all;
  for (const auto& token : tokens)
    all += fmt::format("{}{}:{}", static_cast<char>(token.type), token.value.size(), token.value);
  return kv::to_string(kv::hash(std::as_bytes(std::span{all})));
}

/// Text that the template's author wrote, and that would become control tokens.
bool has_control(std::string_view text, const tokenizer& words) {
  for (std::size_t i = 0; i < text.size(); ++i)
    for (auto end = text.find_first_of(">]", i); end != std::string_view::npos; end = text.find_first_of(">]", end + 1))
      if (auto piece = text.substr(i, end + 1 - i); looks_like_control(piece) && words.find_control(piece)) return true;
  return false;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

/// Puts the checkpoint's own names for the tokens that begin and end texts into the patterns.
void name_ends(chat_patterns& p, const chat_description& chat) {
  auto name = [&](std::string_view mark, const char* key, const std::string& piece) {
    bool needed = false;
    for (auto* pattern : {&p.opening, &p.system, &p.user, &p.user_after_system, &p.user_later, &p.assistant}) {
      needed = needed || pattern->find(mark) != std::string::npos;
      replace_all(*pattern, mark, fmt::format("⟦{}⟧", piece));
    }
    if (needed && piece.empty())
      throw load_error(
          fmt::format("{}: the template needs \"{}\", and tokenizer_config.json has none", chat.where, key));
  };
  if (p.opening == "⟦bos_or_nothing⟧") p.opening = chat.bos.empty() ? "" : "⟦bos⟧";
  name("⟦bos⟧", "bos_token", chat.bos);
  name("⟦eos⟧", "eos_token", chat.eos);
  if (p.answer_end == "eos") p.answer_end = chat.eos;
}

}  // namespace

chat_patterns recognise_patterns(const chat_description& chat, const tokenizer& words) {
  auto tokens = read_jinja(chat.text);
  auto own_system = tokens ? take_default_system(*tokens) : "";
  auto hash = tokens ? hash_of(*tokens) : "";
  auto patterns = find_patterns(hash, words);
  if (!patterns)
    throw load_error(
        fmt::format("{}: this chat template is not known{}; known: {}. If the model was trained with one of these, put "
                    "that one's text into chat_template.jinja",
                    chat.where, hash.empty() ? "" : fmt::format(" (hash {})", hash), known_template_names()));
  auto& p = *patterns;
  name_ends(p, chat);
  if (!own_system.empty()) {
    if (has_control(own_system, words))
      throw load_error(
          fmt::format("{}: its own system message names control tokens, which is not supported", chat.where));
    p.default_system = own_system;
  }
  return p;
}

}  // namespace chromatin::model
