#include "io/registry_store.hpp"

#include "io/sqlite_registry.hpp"

namespace chromatin::io {

kv::hash128 next_message_hash(kv::hash128 before, std::string_view role, std::string_view content) {
  std::string text{role};
  text += '\0';  // no role has one
  text += content;
  return kv::hash(std::as_bytes(std::span{text}), before);
}

std::unique_ptr<registry_store> open_registry(const std::filesystem::path& folder, salt_source new_salts,
                                              std::uint32_t vocabulary) {
  return std::make_unique<sqlite_registry>(folder, std::move(new_salts), vocabulary);
}

}  // namespace chromatin::io
