#include "model/jinja/literals.hpp"

#include <cmath>

#include <fmt/format.h>

#include "model/jinja/characters.hpp"

namespace chromatin::model::jinja {
namespace {

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

/// Up to `count` digits off the front.
std::optional<std::uint32_t> number_at(std::string_view& rest, std::size_t count, unsigned base, bool exactly) {
  std::uint32_t result = 0;
  std::size_t taken = 0;
  for (; taken < count && taken < rest.size(); ++taken) {
    auto d = digit(rest[taken]);
    if (!d || *d >= base) break;
    result = result * base + *d;
  }
  if (taken == 0 || (exactly && taken < count) || result > 0x10ffff) return std::nullopt;
  rest.remove_prefix(taken);
  return result;
}

text quoted(const text& of) {
  const auto& bytes = of.bytes();
  char quote = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos ? '"' : '\'';
  text result{std::string(1, quote)};
  result.append(of.mapped([&](std::string_view part) {
    std::string out;
    each_character(part, [&](std::string_view character) {
      char c = character.front();
      if (auto point = code_point(character); character.size() > 1 && is_printable(character))
        out += character;
      else if (character.size() > 1)
        out += point > 0xffff ? fmt::format("\\U{:08x}", point)
               : point > 0xff ? fmt::format("\\u{:04x}", point)
                              : fmt::format("\\x{:02x}", point);
      else if (c == quote || c == '\\')
        out += '\\', out += c;
      else if (c == '\n')
        out += "\\n";
      else if (c == '\r')
        out += "\\r";
      else if (c == '\t')
        out += "\\t";
      else if (static_cast<unsigned char>(c) < ' ' || c == 0x7f)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      else
        out += c;
    });
    return out;
  }));
  result.append(std::string_view{&quote, 1});
  return result;
}

}  // namespace

std::optional<std::string> unescaped(std::string_view rest) {
  constexpr std::string_view written = "\n\\'\"abfnrtv";
  std::string result;
  while (!rest.empty()) {
    char c = rest.front();
    rest.remove_prefix(1);
    if (c != '\\' || rest.empty()) {
      result += c;
      continue;
    }
    char which = rest.front();
    if (auto at = written.find(which); at != std::string_view::npos) {
      rest.remove_prefix(1);
      if (which != '\n') result += std::string_view{"\0\\'\"\a\b\f\n\r\t\v", 11}[at];
      continue;
    }
    if (which == 'x' || which == 'u' || which == 'U') {
      rest.remove_prefix(1);
      auto point = number_at(rest, which == 'x' ? 2 : which == 'u' ? 4 : 8, 16, true);
      if (point && *point >= 0xd800 && *point < 0xdc00 && rest.starts_with("\\u")) {  // the first of a pair
        rest.remove_prefix(2);
        auto low = number_at(rest, 4, 16, true);
        if (!low || *low < 0xdc00 || *low > 0xdfff) return std::nullopt;
        point = 0x10000 + ((*point - 0xd800) << 10) + (*low - 0xdc00);
      }
      if (!point || (*point >= 0xd800 && *point <= 0xdfff)) return std::nullopt;
      result += to_utf8(*point);
    } else if (which >= '0' && which <= '7') {
      result += to_utf8(*number_at(rest, 3, 8, false));
    } else {
      result += c;  // no escape: the backslash stays
    }
  }
  return result;
}

std::string float_text(double of) {
  if (std::isnan(of)) return "nan";
  if (std::isinf(of)) return of < 0 ? "-inf" : "inf";
  auto digits = fmt::format("{}", of);
  if (digits.find_first_of(".e") == std::string::npos) digits += ".0";
  return digits;
}

text shown(context& in, const value& of) {
  if (auto* t = of.as_text()) return *t;
  if (of.is_undefined()) return {};
  return represented(in, of);
}

text represented(context& in, const value& of) {
  in.work(1);
  if (auto* t = of.as_text()) {
    in.pass(t->size());
    return quoted(*t);
  }
  if (of.is_undefined()) return text{"Undefined"};
  if (of.is_none()) return text{"None"};
  if (auto* b = of.as_bool()) return text{*b ? "True" : "False"};
  if (auto* i = of.as_integer()) return text{std::to_string(*i)};
  if (auto* f = of.as_float()) return text{float_text(*f)};
  if (auto* l = of.as_list()) {
    text result{l->tuple ? "(" : "["};
    for (std::size_t i = 0; i < l->items.size(); ++i) {
      if (i > 0) result.append(", ");
      result.append(represented(in, l->items[i]));
    }
    in.pass(result.size());
    result.append(!l->tuple ? "]" : l->items.size() == 1 ? ",)" : ")");
    return result;
  }
  if (auto* d = of.as_mapping()) {
    text result{"{"};
    for (const auto& [key, v] : d->entries) {
      if (result.size() > 1) result.append(", ");
      result.append(quoted(key));
      result.append(": ");
      result.append(represented(in, v));
    }
    in.pass(result.size());
    result.append("}");
    return result;
  }
  return text{fmt::format("<{}>", of.type_name())};
}

}  // namespace chromatin::model::jinja
