#include "model/charsmap.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <utf8proc.h>

#include "model/load_error.hpp"
#include "model/utf8.hpp"

namespace chromatin::model {
namespace {

static_assert(std::endian::native == std::endian::little, "the table is little-endian");

/// The longest that Unicode has is of 18 characters.
constexpr std::size_t replacement_bytes_max = 256;
/// Longer ones are replaced code point by code point.
constexpr std::size_t whole_bytes_max = 5;

// Bits of a unit of the double array.
constexpr bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
constexpr std::uint32_t value(std::uint32_t unit) { return unit & 0x7fffffffu; }
constexpr std::uint32_t label(std::uint32_t unit) { return unit & (1u << 31 | 0xffu); }
constexpr std::uint32_t offset(std::uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }

/// How many bytes of `text` are one user-perceived character.
std::size_t grapheme_bytes(std::string_view text) {
  auto first = first_character(text);
  auto bytes = first.size();
  auto before = code_point(first);
  utf8proc_int32_t state = 0;
  while (bytes < text.size()) {
    auto next = first_character(text.substr(bytes));
    auto character = code_point(next);
    if (before == no_character || character == no_character ||
        utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(before),
                                         static_cast<utf8proc_int32_t>(character), &state))
      break;
    before = character;
    bytes += next.size();
  }
  return bytes;
}

}  // namespace

charsmap::charsmap(std::string_view table, const std::string& where) {
  auto refuse = [&](const char* what) {
    throw load_error(fmt::format("{}: \"precompiled_charsmap\" {}", where, what));
  };
  std::uint32_t bytes = 0;
  if (table.size() < sizeof bytes) refuse("is no table");
  std::memcpy(&bytes, table.data(), sizeof bytes);
  table.remove_prefix(sizeof bytes);
  if (bytes == 0 || bytes % sizeof(std::uint32_t) != 0 || bytes > table.size()) refuse("is cut off, or no table");
  units_.resize(bytes / sizeof(std::uint32_t));
  std::memcpy(units_.data(), table.data(), bytes);
  replacements_ = table.substr(bytes);
  for (std::size_t begin = 0; begin < replacements_.size();) {
    auto end = std::min(replacements_.find('\0', begin), replacements_.size());
    if (end - begin > replacement_bytes_max) refuse("has a replacement that is longer than any character's");
    begin = end + 1;
  }
}

std::optional<std::string_view> charsmap::find(std::string_view text) const {
  auto unit = units_[0];
  std::size_t at = offset(unit);
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    at ^= byte;
    if (byte == 0 || at >= units_.size()) return {};
    unit = units_[at];
    if (label(unit) != byte) return {};
    at ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (at >= units_.size() || value(units_[at]) >= replacements_.size()) return {};
    return std::string_view{replacements_.c_str() + value(units_[at])};  // up to its NUL
  }
  return {};
}

std::string charsmap::operator()(std::string_view text) const {
  std::string result;
  while (!text.empty()) {
    auto bytes = grapheme_bytes(text);
    auto whole = text.substr(0, bytes);
    text.remove_prefix(bytes);
    if (auto found = bytes <= whole_bytes_max ? find(whole) : std::nullopt) {
      result += *found;
      continue;
    }
    for (; !whole.empty(); whole.remove_prefix(first_character(whole).size())) {
      auto one = first_character(whole);
      result += find(one).value_or(one);
    }
  }
  return result;
}

}  // namespace chromatin::model
