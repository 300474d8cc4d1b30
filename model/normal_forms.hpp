#pragma once

/// Unicode's normal forms, small letters and characters of words, as the Unicode version of the utf8proc in use has
/// them. Time is n log n whatever the text. Bytes that are no UTF-8 stay as they are. Pure; any thread.

#include <string>
#include <string_view>

namespace chromatin::model {

enum class normal_form { c, d, kc, kd };

std::string normalized(std::string_view text, normal_form form);

/// Each character's small letter, whatever stands beside it.
std::string lowercased(std::string_view text);

/// A letter, mark, decimal digit or connecting punctuation.
bool is_word_character(char32_t character);

}  // namespace chromatin::model
