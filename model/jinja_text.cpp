#include "model/jinja_text.hpp"

#include <algorithm>
#include <array>

namespace chromatin::model {
namespace {

using kind = jinja_token::kind;

constexpr std::string_view white_space = " \t\n\v\f\r";
constexpr std::array<std::string_view, 6> two_letter_operators{"==", "!=", ">=", "<=", "**", "//"};
constexpr std::string_view operators = "+-/*%~[](){}<>=.:|,;";

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// All ends of lines written as one character.
std::string with_plain_newlines(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r')
      plain += text[i];
    else if (!text.substr(i + 1).starts_with('\n'))
      plain += '\n';
  return plain;
}

/// Reads from the front of `rest`. Everything that is not understood sets `failed`.
struct reader {
  std::string_view rest;
  std::vector<jinja_token> tokens;
  bool line_start = true;  // only tags that left nothing on this line stand before `rest`
  bool failed = false;

  void put(kind type, std::string_view value) {
    if (value.empty() && type == kind::text) return;
    if (type == kind::text && !tokens.empty() && tokens.back().type == kind::text)
      tokens.back().value += value;
    else
      tokens.push_back({type, std::string{value}});
  }

  /// The text before a tag. `begin` is the tag's first two characters.
  void read_text(std::string_view text, std::string_view begin) {
    rest.remove_prefix(text.size() + begin.size());
    char sign = rest.empty() ? '\0' : rest.front();
    if (sign == '-' || sign == '+') rest.remove_prefix(1);
    if (sign == '-') {
      text = text.substr(0, text.find_last_not_of(white_space) + 1);
    } else if (sign != '+' && begin != "{{") {  // lstrip_blocks
      auto line = text.rfind('\n') + 1;
      if ((line > 0 || line_start) && text.find_first_not_of(white_space, line) == std::string_view::npos)
        text = text.substr(0, line);
    }
    put(kind::text, text);
    line_start = false;
  }

  /// Drops what a tag's end drops of the text behind it; `rest` begins after the end.
  void end_tag(char sign, bool block) {
    if (sign == '-') {
      auto dropped = rest.substr(0, std::min(rest.find_first_not_of(white_space), rest.size()));
      line_start = dropped.ends_with('\n');
      rest.remove_prefix(dropped.size());
    } else if (sign != '+' && block && rest.starts_with('\n')) {  // trim_blocks
      line_start = true;
      rest.remove_prefix(1);
    }
  }

  void read_comment() {
    auto end = rest.find("#}");
    if (end == std::string_view::npos) return void(failed = true);
    char sign = end > 0 ? rest[end - 1] : '\0';
    rest.remove_prefix(end + 2);
    end_tag(sign, true);
  }

  void read_string() {
    char quote = rest.front();
    rest.remove_prefix(1);
    std::string value;
    while (!rest.empty() && rest.front() != quote) {
      char c = rest.front();
      rest.remove_prefix(1);
      if (c == '\\') {
        constexpr std::string_view written = "nt\\'\"", meant = "\n\t\\'\"";
        auto which = rest.empty() ? std::string_view::npos : written.find(rest.front());
        if (which == std::string_view::npos) return void(failed = true);
        c = meant[which];
        rest.remove_prefix(1);
      }
      value += c;
    }
    if (rest.empty()) return void(failed = true);
    rest.remove_prefix(1);
    put(kind::string, value);
  }

  /// One token inside a tag.
  void read_code(int& depth) {
    char c = rest.front();
    if (c == '\'' || c == '"') return read_string();
    std::size_t length = 1;
    if (is_word(c)) {
      while (length < rest.size() && is_word(rest[length])) ++length;
    } else if (std::count(two_letter_operators.begin(), two_letter_operators.end(), rest.substr(0, 2)) > 0) {
      length = 2;
    } else if (operators.find(c) == std::string_view::npos) {
      failed = true;
    }
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    put(kind::code, rest.substr(0, length));
    rest.remove_prefix(length);
  }

  void read_tag(std::string_view begin) {
    std::string_view end = begin == "{{" ? "}}" : "%}";
    put(kind::code, begin);
    int depth = 0;
    while (!failed) {
      rest.remove_prefix(std::min(rest.find_first_not_of(white_space), rest.size()));
      if (rest.empty()) return void(failed = true);
      char sign = rest.front();
      bool is_signed = (sign == '-' || (sign == '+' && begin == "{%")) && rest.substr(1).starts_with(end);
      if (depth == 0 && (is_signed || rest.starts_with(end))) {
        rest.remove_prefix(is_signed ? 3 : 2);
        put(kind::code, end);
        return end_tag(is_signed ? sign : '\0', begin == "{%");
      }
      read_code(depth);
    }
  }

  void read() {
    while (!rest.empty() && !failed) {
      auto at = std::min({rest.find("{{"), rest.find("{%"), rest.find("{#")});
      if (at == std::string_view::npos) return put(kind::text, rest);
      auto begin = rest.substr(at, 2);
      read_text(rest.substr(0, at), begin);
      if (begin == "{#")
        read_comment();
      else
        read_tag(begin);
    }
  }
};

}  // namespace

std::optional<std::vector<jinja_token>> read_jinja(std::string_view text) {
  auto source = with_plain_newlines(text);
  if (source.ends_with('\n')) source.pop_back();
  reader in{source, {}};
  in.read();
  // Blocks whose inside is not read as a template would be.
  for (std::size_t i = 1; i < in.tokens.size(); ++i)
    if (in.tokens[i] == jinja_token{kind::code, "raw"} && in.tokens[i - 1].value == "{%") in.failed = true;
  if (in.failed) return std::nullopt;
  return std::move(in.tokens);
}

}  // namespace chromatin::model
