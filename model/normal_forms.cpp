#include "model/normal_forms.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include <utf8proc.h>

#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

using code_points = std::vector<utf8proc_int32_t>;

constexpr utf8proc_int32_t capital_i_with_dot = 0x130;

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

void append(std::string& to, utf8proc_int32_t character) {
  std::array<utf8proc_uint8_t, 4> bytes;
  auto count = utf8proc_encode_char(character, bytes.data());
  to.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
}

/// The characters that `text`, which is valid, decomposes into; marks are not in order yet.
code_points decomposed(std::string_view text, int options) {
  code_points all;
  std::array<utf8proc_int32_t, 32> parts;
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    auto bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                  static_cast<utf8proc_ssize_t>(text.size()), &character);
    int last_class = UTF8PROC_BOUNDCLASS_START;
    auto count = utf8proc_decompose_char(character, parts.data(), std::ssize(parts),
                                         static_cast<utf8proc_option_t>(options), &last_class);
    if (count < 0 || count > std::ssize(parts)) throw std::bad_alloc{};  // no character has more than 18
    all.insert(all.end(), parts.begin(), parts.begin() + count);
    text.remove_prefix(static_cast<std::size_t>(bytes));
  }
  return all;
}

/// Puts each run of marks into the order of their classes. The library's own way takes quadratic time.
void order_marks(code_points& all) {
  auto class_of = [](utf8proc_int32_t c) { return utf8proc_get_property(c)->combining_class; };
  for (auto at = all.begin(); at != all.end();) {
    if (class_of(*at) == 0) {
      ++at;
      continue;
    }
    auto end = std::find_if(at, all.end(), [&](auto c) { return class_of(c) == 0; });
    std::stable_sort(at, end, [&](auto a, auto b) { return class_of(a) < class_of(b); });
    at = end;
  }
}

void append_form(std::string& to, std::string_view valid, normal_form form) {
  bool compatible = form == normal_form::kc || form == normal_form::kd;
  bool composes = form == normal_form::c || form == normal_form::kc;
  auto all = decomposed(valid, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0));
  order_marks(all);
  auto count = std::ssize(all);
  if (composes)
    count =
        utf8proc_normalize_utf32(all.data(), count, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  for (auto c = all.begin(); c != all.begin() + count; ++c) append(to, *c);
}

}  // namespace

std::string normalized(std::string_view text, normal_form form) {
  if (ascii(text)) return std::string{text};
  std::string result;
  while (!text.empty()) {
    auto valid = valid_utf8_bytes(text);
    append_form(result, text.substr(0, valid), form);
    result += text.substr(valid, 1);
    text.remove_prefix(std::min(valid + 1, text.size()));
  }
  return result;
}

std::string lowercased(std::string_view text) {
  std::string result;
  for (; !text.empty(); text.remove_prefix(first_character(text).size())) {
    auto here = first_character(text);
    auto character = code_point(here);
    if (character == capital_i_with_dot)
      result += "i\u0307";
    else if (character != no_character)
      append(result, utf8proc_tolower(static_cast<utf8proc_int32_t>(character)));
    else
      result += here;
  }
  return result;
}

bool is_word_character(char32_t character) {
  if (character == 0x200c || character == 0x200d) return true;  // Unicode's definition names the two that join, too
  switch (character == no_character ? UTF8PROC_CATEGORY_CN
                                    : utf8proc_category(static_cast<utf8proc_int32_t>(character))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
}

}  // namespace chromatin::model
