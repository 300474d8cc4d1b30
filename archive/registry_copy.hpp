#pragma once

/// Between the registry and a transcript. Blocks as the store does, and throws what it throws.

#include "archive/transcript.hpp"

namespace chromatin::archive {

/// What the store has of a conversation; nothing if there is none of that name.
std::optional<archived_conversation> copy_of(io::registry_store& store, const io::conversation_key& key);

/// Puts a conversation back that the store does not have, at this version. `chunks`: keys under which tiers may hold
/// parts of it. Throws version_conflict if there is one of that name.
void put_back(io::registry_store& store, const io::conversation_key& key, io::lease_owner owner,
              const archived_conversation& what, std::vector<kv::chunk_key> chunks, std::uint64_t version = 1);

}  // namespace chromatin::archive
