#include "model/jinja/lexer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"
#include "model/jinja/literals.hpp"

namespace chromatin::model::jinja {
namespace {

using token_kind = token::kind;

constexpr std::array<std::string_view, 7> long_signs{"==", "!=", ">=", "<=", "**", "//", "->"};
constexpr std::string_view signs = "+-/*%~[](){}<>=.:|,;";

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_ascii_digit(c) || c == '_' ||
         static_cast<unsigned char>(c) > 127;
}

std::string with_plain_newlines(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r')
      plain += text[i];
    else if (!text.substr(i + 1).starts_with('\n'))
      plain += '\n';
  if (plain.ends_with('\n')) plain.pop_back();
  return plain;
}

bool opens_tag(char second) { return second == '{' || second == '%' || second == '#'; }

bool all_space(std::string_view text) { return leading_space(text) == text.size(); }

/// Reads from the front of `rest`.
struct reader {
  std::string_view rest;
  std::vector<token> tokens = {};
  place at = {};
  bool line_start = true;  ///< only tags that left nothing on this line stand before `rest`

  [[noreturn]] void refuse(const std::string& why) const { throw template_error(why, at); }

  std::string_view skip(std::size_t bytes) {
    auto skipped = rest.substr(0, bytes);
    for (char c : skipped)
      if (c == '\n')
        ++at.line, at.column = 1;
      else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80)
        ++at.column;
    rest.remove_prefix(skipped.size());
    return skipped;
  }

  void put(token_kind type, std::string_view value, place where) {
    if (type == token_kind::text && value.empty()) return;
    tokens.push_back({type, std::string{value}, where});
  }

  /// The text before a tag, of which a sign or lstrip_blocks may take the end; the tag's beginning is skipped.
  void read_text(std::size_t size, bool strips) {
    auto where = at;
    auto text = skip(size);
    bool minus = rest.size() > 2 && rest[2] == '-', plus = rest.size() > 2 && rest[2] == '+';
    if (minus) {
      text.remove_suffix(trailing_space(text));
    } else if (strips && !plus) {
      auto line = text.rfind('\n') + 1;
      if ((line > 0 || line_start) && all_space(text.substr(line))) text = text.substr(0, line);
    }
    put(token_kind::text, text, where);
    line_start = false;
  }

  /// Drops what a tag's end drops of the text behind it.
  void end_tag(char sign, bool block) {
    if (sign == '-') {
      line_start = skip(leading_space(rest)).ends_with('\n');
    } else if (sign != '+' && block && rest.starts_with('\n')) {
      skip(1);
      line_start = true;
    }
  }

  void read_comment() {
    auto end = rest.find("#}", 2);
    if (end == std::string_view::npos) refuse("this comment does not end");
    char sign = end > 2 ? rest[end - 1] : '\0';
    skip(end + 2);
    end_tag(sign, true);
  }

  void read_string() {
    char quote = rest.front();
    std::size_t end = 1;
    while (end < rest.size() && rest[end] != quote) end += rest[end] == '\\' ? 2 : 1;
    if (end >= rest.size()) refuse("this string does not end");
    auto value = unescaped(rest.substr(1, end - 1));
    if (!value) refuse("this string has an escape that is none");
    put(token_kind::string, *value, at);
    skip(end + 1);
  }

  void read_number() {
    auto digits = [&](std::size_t from) {
      while (from < rest.size() &&
             (is_ascii_digit(rest[from]) || (rest[from] == '_' && is_ascii_digit(rest[from - 1]))))
        ++from;
      return from;
    };
    auto end = digits(1);
    auto type = token_kind::integer;
    if (rest.starts_with("0x") || rest.starts_with("0b") || rest.starts_with("0o")) refuse("numbers are decimal here");
    bool after_dot = !tokens.empty() && tokens.back().type == token_kind::sign && tokens.back().value == ".";
    if (!after_dot && end + 1 < rest.size() && rest[end] == '.' && is_ascii_digit(rest[end + 1])) {
      end = digits(end + 1);
      type = token_kind::real;
    }
    if (!after_dot && end < rest.size() && (rest[end] == 'e' || rest[end] == 'E')) {
      auto exponent = end + 1;
      if (exponent < rest.size() && (rest[exponent] == '-' || rest[exponent] == '+')) ++exponent;
      if (exponent < rest.size() && is_ascii_digit(rest[exponent])) {
        end = digits(exponent + 1);
        type = token_kind::real;
      }
    }
    std::string value{rest.substr(0, end)};
    std::erase(value, '_');
    put(type, value, at);
    skip(end);
  }

  /// One token inside a tag; counts brackets in `depth`.
  void read_code(int& depth) {
    char c = rest.front();
    if (c == '\'' || c == '"') return read_string();
    if (is_ascii_digit(c)) return read_number();
    if (is_word(c)) {
      std::size_t length = 1;
      while (length < rest.size() && is_word(rest[length])) ++length;
      put(token_kind::name, rest.substr(0, length), at);
      skip(length);
      return;
    }
    bool two = std::count(long_signs.begin(), long_signs.end(), rest.substr(0, 2)) > 0;
    if (!two && signs.find(c) == std::string_view::npos)
      refuse(fmt::format("'{}' is not expected here", rest.substr(0, character_bytes(rest))));
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
    put(token_kind::sign, rest.substr(0, two ? 2 : 1), at);
    skip(two ? 2 : 1);
  }

  void read_tag(bool block) {
    std::string_view end = block ? "%}" : "}}";
    auto where = at;
    put(block ? token_kind::block_begin : token_kind::value_begin, rest.substr(0, 2), at);
    skip(2);
    if (rest.starts_with('-') || (block && rest.starts_with('+'))) skip(1);
    for (int depth = 0;;) {
      skip(leading_space(rest));
      if (rest.empty()) throw template_error("this tag does not end", where);
      char sign = rest.front();
      bool is_signed = (sign == '-' || (sign == '+' && block)) && rest.substr(1).starts_with(end);
      if (depth == 0 && (is_signed || rest.starts_with(end))) {
        put(block ? token_kind::block_end : token_kind::value_end, end, at);
        skip(is_signed ? 3 : 2);
        return end_tag(is_signed ? sign : '\0', block);
      }
      read_code(depth);
    }
  }

  /// The bytes of a tag that says `name` and nothing else; 0 if none begins here.
  std::size_t tag_bytes(std::string_view text, std::string_view name) const {
    auto from = text;
    if (!text.starts_with("{%")) return 0;
    text.remove_prefix(2);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    text.remove_prefix(leading_space(text));
    if (!text.starts_with(name)) return 0;
    text.remove_prefix(name.size());
    text.remove_prefix(leading_space(text));
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!text.starts_with("%}")) return 0;
    return from.size() - text.size() + 2;
  }

  /// A raw block's inside is text. False if none begins here.
  bool read_raw() {
    auto begin = tag_bytes(rest, "raw");
    if (begin == 0) return false;
    auto where = at;
    bool strips = rest[begin - 3] == '-';
    skip(begin);
    if (strips) skip(leading_space(rest));  // without the sign the text begins at once, with its line break
    std::size_t inside = 0, end = 0;
    for (; inside < rest.size(); ++inside)
      if (rest[inside] == '{' && (end = tag_bytes(rest.substr(inside), "endraw")) > 0) break;
    if (end == 0) throw template_error("this raw block does not end", where);
    read_text(inside, true);
    char sign = rest[end - 3];
    skip(end);
    end_tag(sign, true);
    return true;
  }

  void read() {
    while (!rest.empty()) {
      auto begin = rest.find('{');
      while (begin != std::string_view::npos && (begin + 1 == rest.size() || !opens_tag(rest[begin + 1])))
        begin = rest.find('{', begin + 1);
      if (begin == std::string_view::npos) {
        put(token_kind::text, rest, at);
        skip(rest.size());
        break;
      }
      char which = rest[begin + 1];
      read_text(begin, which != '{');
      if (which == '#')
        read_comment();
      else if (which == '{' || !read_raw())
        read_tag(which == '%');
    }
    put(token_kind::end, "", at);
  }
};

}  // namespace

std::vector<token> read_tokens(std::string_view template_text) {
  auto plain = with_plain_newlines(template_text);
  reader in{plain};
  in.read();
  return std::move(in.tokens);
}

}  // namespace chromatin::model::jinja
