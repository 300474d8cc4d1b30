#pragma once

/// The characters in which byte-level tokenizers write bytes in their files (GPT-2's alphabet): printable Latin-1
/// stands for itself, the other bytes for the characters from U+0100 on, so that a space is `Ġ`. Pure; any thread.

#include <optional>
#include <string>
#include <string_view>

namespace chromatin::model {

std::string to_byte_alphabet(std::string_view bytes);

/// The bytes that `written` stands for; nothing if it has a character that is not of the alphabet.
std::optional<std::string> from_byte_alphabet(std::string_view written);

}  // namespace chromatin::model
