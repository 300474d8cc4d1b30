#include "model/jinja/strings.hpp"

#include <algorithm>

#include "model/jinja/characters.hpp"

namespace chromatin::model::jinja {
namespace {

/// `begins` says of a character whether a word begins behind it; `raise` is what becomes of a word's first one.
template <class Raise, class Begins>
text by_words(const text& of, Raise raise, Begins begins) {
  bool first = true;
  return of.mapped([&](std::string_view part) {
    std::string out;
    each_character(part, [&](std::string_view c) {
      out += first ? raise(c) : lower(c);
      first = begins(c);
    });
    return out;
  });
}

/// Where the line that begins at `at` ends, and the next one begins, as str.splitlines has it.
std::pair<std::size_t, std::size_t> line_end(const std::string& bytes, std::size_t at) {
  constexpr std::string_view ends[]{"\r\n", "\n",   "\r",     "\v",     "\f",    "\x1c",
                                    "\x1d", "\x1e", "\u0085", "\u2028", "\u2029"};
  for (; at < bytes.size(); ++at) {
    if (static_cast<unsigned char>(bytes[at]) >= ' ' && bytes[at] != '\xc2' && bytes[at] != '\xe2') continue;
    for (auto end : ends)
      if (bytes.compare(at, end.size(), end) == 0) return {at, at + end.size()};
  }
  return {at, at};
}

std::size_t last_character(std::string_view text) {
  auto at = text.size() - 1;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
  return at;
}

}  // namespace

text stripped(const text& of, const std::string* set, bool left, bool right) {
  std::string_view rest = of.bytes();
  std::size_t at = 0;
  if (!set) {
    at = left ? leading_space(rest) : 0;
    rest.remove_prefix(at);
    if (right) rest.remove_suffix(trailing_space(rest));
    return of.part(at, rest.size());
  }
  auto in_set = [&](std::string_view c) { return set->find(c) != std::string::npos; };
  while (left && !rest.empty() && in_set(rest.substr(0, character_bytes(rest)))) {
    at += character_bytes(rest);
    rest.remove_prefix(character_bytes(rest));
  }
  while (right && !rest.empty() && in_set(rest.substr(last_character(rest))))
    rest = rest.substr(0, last_character(rest));
  return of.part(at, rest.size());
}

text replaced(const text& of, std::string_view from, const text& to, std::optional<std::size_t> count) {
  text result;
  std::size_t done = 0, at = 0;
  std::string_view bytes = of.bytes();
  for (std::size_t times = 0; (!count || times < *count) && at <= bytes.size(); ++times) {
    auto found = from.empty() ? at : bytes.find(from, at);
    if (found == std::string_view::npos) break;
    result.append(of, done, found - done);
    result.append(to);
    done = found + from.size();
    at = from.empty() ? found + std::max<std::size_t>(character_bytes(bytes.substr(found)), 1) : done;
  }
  result.append(of, done);
  return result;
}

text capitalized(const text& of) {
  return by_words(of, title_case, [](std::string_view) { return false; });
}

text titled(const text& of) {
  return by_words(of, title_case, [](std::string_view c) { return !is_letter(c); });
}

text titled_words(const text& of) {
  return by_words(of, upper, [](std::string_view c) {
    return leading_space(c) > 0 || c == "-" || c == "(" || c == "{" || c == "[" || c == "<";
  });
}

std::vector<text> split(const text& of, const std::string* separator, std::optional<std::size_t> count) {
  std::vector<text> parts;
  std::string_view bytes = of.bytes();
  std::size_t at = separator ? 0 : leading_space(bytes);
  while (!count || parts.size() < *count) {
    std::size_t found = std::string_view::npos, skipped = 0;
    if (separator) {
      found = bytes.find(*separator, at);
      skipped = separator->size();
    } else {
      for (auto i = at; i < bytes.size() && found == std::string_view::npos; i += character_bytes(bytes.substr(i)))
        if (leading_space(bytes.substr(i, character_bytes(bytes.substr(i)))) > 0) found = i;
      if (found != std::string_view::npos) skipped = leading_space(bytes.substr(found));
    }
    if (found == std::string_view::npos) break;
    parts.push_back(of.part(at, found - at));
    at = found + skipped;
  }
  if (separator || at < bytes.size()) parts.push_back(of.part(at));
  return parts;
}

std::vector<text> split_from_end(const text& of, const std::string* separator, std::optional<std::size_t> count) {
  std::vector<text> parts;
  std::string_view bytes = of.bytes();
  auto end = separator ? bytes.size() : bytes.size() - trailing_space(bytes);
  while (!count || parts.size() < *count) {
    std::size_t begin = std::string_view::npos, next = 0;
    if (separator) {
      if (end >= separator->size()) begin = bytes.rfind(*separator, end - separator->size());
      next = begin;
      if (begin != std::string_view::npos) begin += separator->size();
    } else {
      for (auto i = end; i > 0 && begin == std::string_view::npos; i = last_character(bytes.substr(0, i)))
        if (trailing_space(bytes.substr(0, i)) > 0) begin = i;
      if (begin != std::string_view::npos) next = begin - trailing_space(bytes.substr(0, begin));
    }
    if (begin == std::string_view::npos) break;
    if (separator || begin < end) parts.push_back(of.part(begin, end - begin));
    end = next;
  }
  if (separator || end > 0) parts.push_back(of.part(0, end));
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<text> split_lines(const text& of, bool keep_ends) {
  std::vector<text> lines;
  const auto& bytes = of.bytes();
  for (std::size_t at = 0; at < bytes.size();) {
    auto [end, next] = line_end(bytes, at);
    lines.push_back(of.part(at, (keep_ends ? next : end) - at));
    at = next;
  }
  return lines;
}

text indented(const text& of, const text& by, bool first, bool blank) {
  text result;
  const auto& bytes = of.bytes();
  for (std::size_t at = 0;;) {
    auto end = bytes.find('\n', at);
    bool is_blank = end == at || at == bytes.size();
    if (at == 0 ? first : blank || !is_blank) result.append(by);
    result.append(of, at, end == std::string::npos ? whole : end + 1 - at);
    if (end == std::string::npos) return result;
    at = end + 1;
  }
}

text padded(const text& of, std::size_t width, const text& with, bool left, bool right) {
  auto have = character_count(of.bytes());
  auto missing = width > have ? width - have : 0;
  // Python's center puts the odd one to the left when the width is odd.
  auto before = left && right ? missing / 2 + (missing & width & 1) : left ? missing : 0;
  text result;
  for (std::size_t i = 0; i < before; ++i) result.append(with);
  result.append(of);
  for (std::size_t i = before; i < missing; ++i) result.append(with);
  return result;
}

}  // namespace chromatin::model::jinja
