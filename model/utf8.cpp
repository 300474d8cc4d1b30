#include "model/utf8.hpp"

#include <utility>

namespace chromatin::model {
namespace {

struct scan {
  std::size_t bytes = 0;  ///< of the character, or to skip when it is not valid
  enum { whole, unfinished, invalid } is = whole;
};

/// Looks at the first character of `text`, which is not empty.
scan next_character(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto lead = byte(0);
  if (lead < 0x80) return {1, scan::whole};
  std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return {1, scan::invalid};
  for (std::size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, scan::unfinished};
    unsigned char low = 0x80, high = 0xBF;
    if (i == 1 && lead == 0xE0) low = 0xA0;
    if (i == 1 && lead == 0xED) high = 0x9F;
    if (i == 1 && lead == 0xF0) low = 0x90;
    if (i == 1 && lead == 0xF4) high = 0x8F;
    if (byte(i) < low || byte(i) > high) return {i, scan::invalid};
  }
  return {length, scan::whole};
}

}  // namespace

std::size_t valid_utf8_bytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    auto next = next_character(text.substr(bytes));
    if (next.is != scan::whole) break;
    bytes += next.bytes;
  }
  return bytes;
}

std::string_view first_character(std::string_view text) { return text.substr(0, next_character(text).bytes); }

std::string_view last_character(std::string_view text) {
  auto at = text.size() - 1;
  while (at > 0 && text.size() - at < 4 && (text[at] & 0xC0) == 0x80) --at;
  return text.substr(at);
}

char32_t code_point(std::string_view text) {
  if (text.empty()) return no_character;
  if (auto one = next_character(text); one.is != scan::whole || one.bytes != text.size()) return no_character;
  auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[i])); };
  if (text.size() == 1) return byte(0);
  auto all = byte(0) & (0xFF >> (text.size() + 1));
  for (std::size_t i = 1; i < text.size(); ++i) all = all << 6 | (byte(i) & 0x3F);
  return all;
}

bool is_white_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool valid_utf8(std::string_view text) { return valid_utf8_bytes(text) == text.size(); }

std::string utf8_assembler::push(std::string_view bytes) {
  pending_ += bytes;
  std::string whole;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    auto next = next_character(rest);
    if (next.is == scan::unfinished) break;
    whole += next.is == scan::whole ? rest.substr(0, next.bytes) : replacement_character;
    rest.remove_prefix(next.bytes);
  }
  pending_ = std::string{rest};
  return whole;
}

std::string utf8_assembler::finish() {
  auto rest = std::exchange(pending_, {});
  return rest.empty() ? std::string{} : std::string{replacement_character};
}

}  // namespace chromatin::model
