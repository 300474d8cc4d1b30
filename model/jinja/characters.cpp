#include "model/jinja/characters.hpp"

#include <algorithm>

#include <utf8proc.h>

#include "model/utf8.hpp"

namespace chromatin::model::jinja {
namespace {

const utf8proc_uint8_t* bytes_of(std::string_view text) {
  return reinterpret_cast<const utf8proc_uint8_t*>(text.data());
}

/// The first character and its bytes.
std::pair<std::uint32_t, std::size_t> first_code_point(std::string_view text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) return {static_cast<unsigned char>(text[0]), 1};
  utf8proc_int32_t point = 0;
  auto bytes =
      utf8proc_iterate(bytes_of(text), static_cast<utf8proc_ssize_t>(std::min<std::size_t>(text.size(), 4)), &point);
  if (bytes <= 0) return {0xfffd, 1};
  return {static_cast<std::uint32_t>(point), static_cast<std::size_t>(bytes)};
}

/// What Python's str.isspace holds for.
bool is_space(std::uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

utf8proc_category_t category(std::string_view character) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(code_point(character)));
}

template <class Change>
std::string changed(std::string_view text, Change change) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto [point, bytes] = first_code_point(text);
    auto to = static_cast<std::uint32_t>(change(static_cast<utf8proc_int32_t>(point)));
    result += to == point ? std::string{text.substr(0, bytes)} : to_utf8(to);
    text.remove_prefix(bytes);
  }
  return result;
}

}  // namespace

std::size_t character_bytes(std::string_view text) { return text.empty() ? 0 : first_code_point(text).second; }

std::uint32_t code_point(std::string_view character) {
  return character.empty() ? 0xfffd : first_code_point(character).first;
}

std::string to_utf8(std::uint32_t point) {
  utf8proc_uint8_t bytes[4];
  auto count = utf8proc_encode_char(static_cast<utf8proc_int32_t>(point), bytes);
  return {bytes, bytes + count};
}

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); text.remove_prefix(first_code_point(text).second)) ++count;
  return count;
}

std::vector<std::size_t> character_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  std::size_t at = 0;
  for (; at < text.size(); at += first_code_point(text.substr(at)).second) starts.push_back(at);
  starts.push_back(at);
  return starts;
}

std::size_t leading_space(std::string_view text) {
  auto all = text.size();
  while (!text.empty()) {
    auto [point, bytes] = first_code_point(text);
    if (!is_space(point)) break;
    text.remove_prefix(bytes);
  }
  return all - text.size();
}

std::size_t trailing_space(std::string_view text) {
  auto all = text.size();
  while (!text.empty()) {
    auto begin = text.size() - 1;
    while (begin > 0 && text.size() - begin < 3 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
    auto last = text.substr(begin);
    auto [point, bytes] = first_code_point(last);
    if (bytes != last.size() || !is_space(point)) break;
    text.remove_suffix(bytes);
  }
  return all - text.size();
}

std::string upper(std::string_view text) {
  // The common ones of those that Unicode gives several capitals to; `changed` gives one for one.
  constexpr std::pair<std::string_view, std::string_view> several[]{
      {"ß", "SS"}, {"ŉ", "ʼN"},  {"ǰ", "J\u030c"}, {"ﬀ", "FF"}, {"ﬁ", "FI"},
      {"ﬂ", "FL"}, {"ﬃ", "FFI"}, {"ﬄ", "FFL"},     {"ﬅ", "ST"}, {"ﬆ", "ST"}};
  std::string result;
  each_character(text, [&](std::string_view c) {
    auto row = c.size() == 1
                   ? std::end(several)
                   : std::find_if(std::begin(several), std::end(several), [&](auto& r) { return r.first == c; });
    result += row == std::end(several) ? changed(c, utf8proc_toupper) : std::string{row->second};
  });
  return result;
}
std::string lower(std::string_view text) { return changed(text, utf8proc_tolower); }
std::string title_case(std::string_view character) {
  auto several = upper(character);
  auto bytes = character_bytes(several);
  if (bytes == several.size()) return changed(character, utf8proc_totitle);
  return several.substr(0, bytes) + lower(std::string_view{several}.substr(bytes));
}

bool is_letter(std::string_view character) {
  auto c = category(character);
  return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
         c == UTF8PROC_CATEGORY_LM || c == UTF8PROC_CATEGORY_LO;
}
bool is_decimal(std::string_view character) { return category(character) == UTF8PROC_CATEGORY_ND; }
bool is_digit(std::string_view character) {
  auto c = code_point(character);
  bool raised = c == 0xb2 || c == 0xb3 || c == 0xb9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
                (c >= 0x2080 && c <= 0x2089);
  return raised || (c >= 0x2460 && c <= 0x2468) || is_decimal(character);
}
bool is_numeric(std::string_view character) {
  auto c = category(character);
  return c == UTF8PROC_CATEGORY_ND || c == UTF8PROC_CATEGORY_NL || c == UTF8PROC_CATEGORY_NO;
}
bool is_printable(std::string_view character) {
  switch (category(character)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    case UTF8PROC_CATEGORY_ZS:
      return character == " ";
    default:
      return true;
  }
}
bool is_cased_upper(std::string_view character) {
  auto c = category(character);
  return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LT;
}
bool is_cased_lower(std::string_view character) { return category(character) == UTF8PROC_CATEGORY_LL; }

}  // namespace chromatin::model::jinja
