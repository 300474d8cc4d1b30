#include "model/chat_template.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/config.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

constexpr std::string_view content_mark = "{}";
constexpr std::string_view control_open = "⟦";
constexpr std::string_view control_close = "⟧";

/// A text, or an object that has it as its content: both are in use.
std::string piece_text(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("content")) return piece_text(value["content"]);
  return {};
}

/// The template itself, or the one called default of a list.
std::string template_text(const nlohmann::json& value) {
  if (!value.is_array()) return value.is_string() ? value.get<std::string>() : "";
  for (const auto& entry : value)
    if (entry.is_object() && entry.value("name", nlohmann::json{}) == "default" && entry.contains("template"))
      return template_text(entry["template"]);
  return {};
}

chat_description read_description(const std::filesystem::path& folder) {
  auto jinja = folder / "chat_template.jinja", file = folder / "tokenizer_config.json";
  chat_description chat;
  nlohmann::json parsed;
  if (std::filesystem::exists(file)) parsed = nlohmann::json::parse(read_file(file), nullptr, false);
  if (parsed.is_object()) {
    chat.text = template_text(parsed.value("chat_template", nlohmann::json{}));
    chat.bos = piece_text(parsed.value("bos_token", nlohmann::json{}));
  }
  if (std::filesystem::exists(jinja)) chat.text = read_file(jinja);
  if (chat.text.empty())
    throw load_error(fmt::format("{}: has no chat_template; a chat model is needed", file.string()));
  return chat;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view white_space = " \t\n\v\f\r";
  auto begin = text.find_first_not_of(white_space);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
}

}  // namespace

chat_template chat_template::recognise(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words) {
  auto patterns = recognise_patterns(read_description(folder), *words);
  if (!patterns)
    throw load_error(
        fmt::format("{}: its chat template is not known; known: {}", folder.string(), known_template_names()));
  chat_template result;
  result.patterns_ = *std::move(patterns);
  result.words_ = std::move(words);
  result.answer_end_ = result.words_->control(result.patterns_.answer_end);
  result.opening();  // a template whose control tokens the tokenizer lacks is found now, not in the first turn
  result.render({"user", "x"});
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

std::vector<kv::token_id> chat_template::opening() const { return render_pattern(patterns_.opening, {}); }

std::vector<kv::token_id> chat_template::default_system() const { return render_pattern(patterns_.default_system, {}); }

std::vector<kv::token_id> chat_template::render(const message& m, std::string_view after_role) const {
  const auto& pattern = m.role == "system"       ? patterns_.system
                        : m.role == "assistant"  ? patterns_.assistant
                        : after_role == "system" ? patterns_.user_after_system
                                                 : patterns_.user;
  return render_pattern(pattern, patterns_.trims ? trimmed(m.content) : m.content);
}

std::vector<kv::token_id> chat_template::answer_prompt() const { return render_pattern(patterns_.answer_prompt, {}); }

std::vector<kv::token_id> chat_template::after_answer() const { return render_pattern(patterns_.after_answer, {}); }

}  // namespace chromatin::model
