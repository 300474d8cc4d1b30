#include "model/chat_template.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "model/config.hpp"
#include "model/json_node.hpp"
#include "model/load_error.hpp"

namespace chromatin::model {
namespace {

constexpr std::string_view control_open = "⟦";
constexpr std::string_view control_close = "⟧";

// What Python takes for white space at the ends of a text, beyond ASCII's.
constexpr std::string_view wide_spaces[]{"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
                                         "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
                                         "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
constexpr std::string_view narrow_spaces = " \t\n\v\f\r\x1c\x1d\x1e\x1f";

/// The bytes of the white space character that `text` begins or ends with; 0 if it does not.
std::size_t space_bytes(std::string_view text, bool at_end) {
  if (text.empty()) return 0;
  if (narrow_spaces.find(at_end ? text.back() : text.front()) != std::string_view::npos) return 1;
  for (auto space : wide_spaces)
    if (at_end ? text.ends_with(space) : text.starts_with(space)) return space.size();
  return 0;
}

std::string_view trimmed_end(std::string_view text) {
  while (auto bytes = space_bytes(text, true)) text.remove_suffix(bytes);
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (auto bytes = space_bytes(text, false)) text.remove_prefix(bytes);
  return trimmed_end(text);
}

/// A token's piece: a text, or an object that has it as its content; both are in use. Empty if there is none.
std::string piece_at(const json_node& in, const char* key) {
  if (!in.has(key)) return {};
  return in.at(key).value.is_object() ? in.at(key).text("content", "") : in.text(key);
}

/// The template itself, or the one called default of a list. Empty if there is none.
std::string template_text(const json_node& in) {
  if (!in.has("chat_template")) return {};
  if (!in.at("chat_template").value.is_array()) return in.text("chat_template");
  for (const auto& entry : in.list("chat_template"))
    if (json_node one{entry, in.where + ": chat_template"}; one.text("name", "") == "default")
      return one.text("template");
  in.refuse("\"chat_template\" has several, and none of them is called default");
}

chat_description read_description(const std::filesystem::path& folder) {
  auto jinja = folder / "chat_template.jinja", file = folder / "tokenizer_config.json";
  chat_description chat;
  // What the second file names counts where the first does not name it.
  for (const auto& part : {file, folder / "special_tokens_map.json"}) {
    if (!std::filesystem::exists(part)) continue;
    auto parsed = parse_json_object(read_file(part), part.string());
    json_node in{parsed, part.string()};
    if (chat.bos.empty()) chat.bos = piece_at(in, "bos_token");
    if (chat.eos.empty()) chat.eos = piece_at(in, "eos_token");
    if (part == file && !std::filesystem::exists(jinja)) chat.text = template_text(in);
  }
  chat.where = fmt::format("{}: \"chat_template\"", file.string());
  if (std::filesystem::exists(jinja)) {
    chat.where = jinja.string();
    chat.text = read_file(jinja);
  } else if (chat.text.empty()) {
    throw load_error(fmt::format("{}: has no chat_template; a chat model is needed", file.string()));
  }
  return chat;
}

}  // namespace

chat_template chat_template::recognise(const std::filesystem::path& folder, std::shared_ptr<const tokenizer> words) {
  chat_template result;
  result.patterns_ = recognise_patterns(read_description(folder), *words);
  result.words_ = std::move(words);
  result.answer_end_ = result.words_->control(result.patterns_.answer_end);
  // A template whose control tokens the tokenizer lacks is found now, not in the first turn.
  result.opening();
  result.answer_prompt();
  for (const char* role : {"system", "user", "assistant"}) result.render({role, "x"});
  return result;
}

/// The tokens of text; of text that goes on after the end of a line, where `goes_on` says so: no space is put before
/// its first word then.
std::vector<kv::token_id> chat_template::encode(std::string_view text, bool goes_on) const {
  if (!goes_on) return words_->encode(text);
  auto before = words_->encode("\n"), all = words_->encode(fmt::format("\n{}", text));
  if (before.size() > all.size() || !std::equal(before.begin(), before.end(), all.begin())) return words_->encode(text);
  all.erase(all.begin(), all.begin() + std::ssize(before));
  return all;
}

std::vector<kv::token_id> chat_template::render_pattern(std::string_view pattern, std::string_view content,
                                                        bool goes_on) const {
  std::vector<kv::token_id> ids;
  std::string plain;
  auto flush = [&] {
    auto part = encode(plain, goes_on && ids.empty());
    ids.insert(ids.end(), part.begin(), part.end());
    plain.clear();
  };
  auto replace = [&](std::string_view mark, std::string_view text) {
    if (!pattern.starts_with(mark)) return false;
    plain += text;
    pattern.remove_prefix(mark.size());
    return true;
  };
  while (!pattern.empty()) {
    if (replace("{}", content) || replace("{trim}", trimmed(content)) || replace("{trim_end}", trimmed_end(content)))
      continue;
    if (!pattern.starts_with(control_open)) {
      plain += pattern.front();
      pattern.remove_prefix(1);
      continue;
    }
    auto end = pattern.find(control_close);
    auto piece = pattern.substr(control_open.size(), end - control_open.size());
    pattern.remove_prefix(end + control_close.size());
    bool optional = piece.starts_with('?');
    if (optional) piece.remove_prefix(1);
    if (optional && !words_->find_control(piece)) {
      plain += piece;
    } else {
      flush();
      ids.push_back(words_->control(piece));
    }
  }
  flush();
  return ids;
}

std::vector<kv::token_id> chat_template::opening() const { return render_pattern(patterns_.opening, {}); }

std::vector<kv::token_id> chat_template::default_system() const {
  if (!patterns_.default_system) return {};
  return render_pattern(patterns_.system, *patterns_.default_system);
}

std::vector<kv::token_id> chat_template::render(const message& m, std::string_view after_role) const {
  if (m.role == "system") return render_pattern(patterns_.system, m.content);
  if (m.role == "assistant") return render_pattern(patterns_.assistant, m.content);
  if (after_role.empty()) return render_pattern(patterns_.user, m.content);
  if (after_role != "system") return render_pattern(patterns_.user_later, m.content);
  return render_pattern(patterns_.user_after_system, m.content, patterns_.system.ends_with('\n'));
}

std::vector<kv::token_id> chat_template::answer_prompt() const { return render_pattern(patterns_.answer_prompt, {}); }

}  // namespace chromatin::model
