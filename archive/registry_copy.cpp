#include "archive/registry_copy.hpp"

namespace chromatin::archive {

std::optional<archived_conversation> copy_of(io::registry_store& store, const io::conversation_key& key) {
  auto record = store.load(key);
  if (!record) return {};
  return archived_conversation{store.read(key, 0, record->messages), std::move(record->window)};
}

void put_back(io::registry_store& store, const io::conversation_key& key, io::lease_owner owner,
              const archived_conversation& what, std::vector<kv::chunk_key> chunks, std::uint64_t version) {
  store.write(key, owner,
              {.expected_version = 0,
               .messages = what.messages,
               .window = what.window,
               .replaces_window = true,
               .chunks = std::move(chunks),
               .first_version = version});
}

}  // namespace chromatin::archive
