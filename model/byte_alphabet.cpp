#include "model/byte_alphabet.hpp"

#include <array>
#include <cstdint>

namespace chromatin::model {
namespace {

constexpr std::uint32_t first_stand_in = 0x100;

constexpr bool stands_for_itself(std::uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

/// The character of each byte; the last of the 68 stand-ins is U+0143.
constexpr std::array<std::uint32_t, 256> stand_in_of = [] {
  std::array<std::uint32_t, 256> all{};
  auto next = first_stand_in;
  for (std::uint32_t byte = 0; byte < 256; ++byte) all[byte] = stands_for_itself(byte) ? byte : next++;
  return all;
}();

constexpr std::array<int, 0x144> byte_behind = [] {
  std::array<int, 0x144> all{};
  for (auto& byte : all) byte = -1;
  for (int byte = 0; byte < 256; ++byte) all[stand_in_of[static_cast<std::size_t>(byte)]] = byte;
  return all;
}();

}  // namespace

std::string to_byte_alphabet(std::string_view text) {
  std::string written;
  for (char c : text) {
    auto character = stand_in_of[static_cast<unsigned char>(c)];
    if (character >= 0x80) written += static_cast<char>(0xC0 | character >> 6);
    written += static_cast<char>(character >= 0x80 ? 0x80 | (character & 0x3F) : character);
  }
  return written;
}

std::optional<std::string> from_byte_alphabet(std::string_view written) {
  std::string text;
  for (std::size_t i = 0; i < written.size(); ++i) {
    std::uint32_t character = static_cast<unsigned char>(written[i]);
    if (character >= 0x80) {  // all of the alphabet is within two bytes of UTF-8
      if (character < 0xC2 || character > 0xDF || ++i == written.size()) return std::nullopt;
      character = (character & 0x1F) << 6 | (static_cast<unsigned char>(written[i]) & 0x3F);
    }
    if (character >= byte_behind.size() || byte_behind[character] < 0) return std::nullopt;
    text += static_cast<char>(byte_behind[character]);
  }
  return text;
}

}  // namespace chromatin::model
