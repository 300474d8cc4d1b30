#include "http/metadata.hpp"

#include <algorithm>

namespace chromatin::http {
namespace {

/// OpenAI's bounds.
constexpr std::size_t texts_max = 16, name_characters_max = 64, text_characters_max = 512;

std::size_t characters_in(std::string_view utf8) {
  constexpr auto continues = [](char c) { return (c & 0xC0) == 0x80; };
  return utf8.size() - static_cast<std::size_t>(std::ranges::count_if(utf8, continues));
}

}  // namespace

nlohmann::json read_metadata(const fields& body) {
  const auto* given = body.find("metadata");
  if (!given) return nlohmann::json::object();
  if (!given->is_object() || given->size() > texts_max)
    wrong("metadata", fmt::format("metadata must be an object with at most {} texts", texts_max));
  for (const auto& [name, value] : given->items()) {
    if (characters_in(name) > name_characters_max)
      wrong("metadata", fmt::format("a name in metadata has at most {} characters", name_characters_max));
    if (!value.is_string() || characters_in(value.get_ref<const std::string&>()) > text_characters_max)
      wrong("metadata." + name,
            fmt::format("metadata.{} must be a text of at most {} characters", name, text_characters_max));
  }
  return *given;
}

}  // namespace chromatin::http
