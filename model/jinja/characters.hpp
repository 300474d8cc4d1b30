#pragma once

/// Characters of UTF-8 text, as Python's strings have them. Bytes that are no UTF-8 count as characters of one byte.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::model::jinja {

/// The bytes of the first character; 0 for an empty text.
std::size_t character_bytes(std::string_view text);
/// The code point of a character; U+FFFD for bytes that are none.
std::uint32_t code_point(std::string_view character);
std::string to_utf8(std::uint32_t code_point);
std::size_t character_count(std::string_view text);
/// Gives `take` each character.
template <class Take>
void each_character(std::string_view text, Take take) {
  for (std::size_t bytes = 0; !text.empty(); text.remove_prefix(bytes)) {
    bytes = character_bytes(text);
    take(text.substr(0, bytes));
  }
}
/// Where each character begins, and the end.
std::vector<std::size_t> character_starts(std::string_view text);

/// The bytes of the white space, in Python's sense, that a text begins or ends with.
std::size_t leading_space(std::string_view text);
std::size_t trailing_space(std::string_view text);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// Of one character that begins a word: of those that are two letters only the first is a capital.
std::string title_case(std::string_view character);
bool is_letter(std::string_view character);
/// As str.isdecimal, isdigit and isnumeric have it: each holds for more than the one before.
bool is_decimal(std::string_view character);
bool is_digit(std::string_view character);
bool is_numeric(std::string_view character);
/// Whether repr shows it as it is.
bool is_printable(std::string_view character);
bool is_cased_upper(std::string_view character);
bool is_cased_lower(std::string_view character);

}  // namespace chromatin::model::jinja
