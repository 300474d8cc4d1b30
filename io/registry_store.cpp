#include "io/registry_store.hpp"

#include <algorithm>

#include "io/sqlite_registry.hpp"

namespace chromatin::io {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\n\v\f\r";
  auto first = std::min(text.find_first_not_of(space), text.size());
  return text.substr(first, text.find_last_not_of(space) + 1 - first);
}

}  // namespace

std::string_view given_back(std::string_view role, std::string_view content) {
  constexpr std::string_view thoughts_begin = "<think>", thoughts_end = "</think>";
  content = trimmed(content);
  if (role == "assistant" && content.starts_with(thoughts_begin))
    if (auto end = content.find(thoughts_end); end != content.npos)
      content = trimmed(content.substr(end + thoughts_end.size()));
  return content;
}

kv::hash128 next_message_hash(kv::hash128 before, std::string_view role, std::string_view content) {
  std::string text{role};
  text += '\0';  // no role has one
  text += given_back(role, content);
  return kv::hash(std::as_bytes(std::span{text}), before);
}

std::unique_ptr<registry_store> open_registry(const std::filesystem::path& folder, salt_source new_salts,
                                              std::uint32_t vocabulary) {
  return std::make_unique<sqlite_registry>(folder, std::move(new_salts), vocabulary);
}

}  // namespace chromatin::io
