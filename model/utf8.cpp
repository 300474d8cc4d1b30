#include "model/utf8.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include <utf8proc.h>

namespace chromatin::model {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

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

/// How many bytes of whole characters `text` begins with.
std::size_t valid_bytes(std::string_view text) {
  std::size_t bytes = 0;
  while (bytes < text.size()) {
    auto next = next_character(text.substr(bytes));
    if (next.is != scan::whole) break;
    bytes += next.bytes;
  }
  return bytes;
}

}  // namespace

bool valid_utf8(std::string_view text) { return valid_bytes(text) == text.size(); }

std::string compose(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string{text};
  std::string composed;
  while (!text.empty()) {
    auto valid = valid_bytes(text);
    utf8proc_uint8_t* result = nullptr;
    auto bytes =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(valid),
                     &result, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner{result, &std::free};
    if (bytes < 0) throw std::bad_alloc{};  // the text is valid, so nothing else can be wrong
    composed.append(reinterpret_cast<const char*>(result), static_cast<std::size_t>(bytes));
    composed += text.substr(valid, 1);
    text.remove_prefix(std::min(valid + 1, text.size()));
  }
  return composed;
}

std::string utf8_assembler::push(std::string_view bytes) {
  pending_ += bytes;
  std::string whole;
  std::string_view rest = pending_;
  while (!rest.empty()) {
    auto next = next_character(rest);
    if (next.is == scan::unfinished) break;
    whole += next.is == scan::whole ? rest.substr(0, next.bytes) : replacement;
    rest.remove_prefix(next.bytes);
  }
  pending_ = std::string{rest};
  return whole;
}

std::string utf8_assembler::finish() {
  auto rest = std::exchange(pending_, {});
  return rest.empty() ? std::string{} : std::string{replacement};
}

}  // namespace chromatin::model
