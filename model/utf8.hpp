#pragma once

/// UTF-8 as it comes from outside and from tokens. Pure; any thread.

#include <string>
#include <string_view>

namespace chromatin::model {

/// True for well-formed UTF-8: no overlong form, surrogate, or value above U+10FFFF.
bool valid_utf8(std::string_view text);
/// How many bytes of whole characters `text` begins with.
std::size_t valid_utf8_bytes(std::string_view text);

/// What `text`, which is not empty, begins with: a whole character, or bytes that can never become one.
std::string_view first_character(std::string_view text);

/// What it ends with: a character, as far as its last bytes go.
std::string_view last_character(std::string_view text);

/// U+FFFD, which stands for bytes that are no character.
constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

constexpr char32_t no_character = 0xFFFFFFFF;
/// The character that `text` is; `no_character` if it is anything else.
char32_t code_point(std::string_view text);

/// Unicode's White_Space.
bool is_white_space(char32_t character);

/// Puts bytes together to whole characters. Bytes that can never become one turn into U+FFFD.
class utf8_assembler {
 public:
  /// The characters that are whole now.
  std::string push(std::string_view bytes);
  /// What is left at the end: U+FFFD for an unfinished character, or nothing.
  std::string finish();
  /// The last character is not whole yet.
  bool in_character() const { return !pending_.empty(); }

 private:
  std::string pending_;
};

}  // namespace chromatin::model
