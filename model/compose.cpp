#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>

#include <utf8proc.h>

#include "model/utf8.hpp"

namespace chromatin::model {

std::string compose(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; }))
    return std::string{text};
  std::string composed;
  while (!text.empty()) {
    auto valid = valid_utf8_bytes(text);
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

}  // namespace chromatin::model
