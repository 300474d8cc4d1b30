#pragma once

/// What a conversation's window is made of, and the chain of chunk keys that follows from it. Pure values; any thread.

#include <cstdint>
#include <span>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::kv {

/// One chunk of a chain: its key and how many of its 64 token slots are filled (only the last may be partial).
struct link {
  chunk_key key;
  std::uint32_t fill = 0;

  bool operator==(const link&) const = default;
};

/// The window of a conversation: the tokens the model sees, in order.
///
/// Keys are content addresses: `key = hash(parent key, tokens of the chunk)`, the first parent being the model's
/// fingerprint mixed with the tenant's salt, so equal openings share chunks and another tenant's chunks can neither be
/// hit nor guessed. After a truncation (CachedAttention §3.4) the chunks that stayed keep their keys, since their bytes
/// are still valid; `parent` then carries a mark of what was dropped, because deeper layers of what follows did not see
/// the dropped tokens.
struct lineage {
  std::vector<token_id> tokens;   ///< the window
  std::vector<chunk_key> kept;    ///< keys of the chunks that a truncation left; empty before the first one
  std::uint32_t kept_tokens = 0;  ///< tokens in `kept`; its last chunk may be partly filled
  chunk_key parent;               ///< hashed into the first chunk that `kept` does not cover whole
  std::uint32_t settled = 0;      ///< leading tokens whose keys and values were computed and saved
  std::uint32_t keep = 0;         ///< leading tokens that a truncation never drops: a system prompt
};

/// The parent of a tenant's first chunks.
chunk_key root_key(fingerprint model, hash128 tenant_salt);

/// The key of a chunk that follows `parent` and holds `tokens` (1 to 64 of them).
chunk_key next_key(chunk_key parent, std::span<const token_id> tokens);

/// The links of the first `token_count` tokens of the window: whole chunks, then the partial one if there is a rest.
std::vector<link> chain(const lineage& window, std::uint32_t token_count);

/// What may be in the cache of a window that has grown since it was settled, head first: the whole chunks of the
/// settled part and the partly filled one its last turn left; of a window that never ran, all whole chunks, since
/// another may have computed them. Never all tokens: the last one must be computed to be continued.
std::vector<link> reusable_chain(const lineage& window);

/// Drops tokens from the window by editing it only: the first `protect` tokens (at least `window.keep`) stay, rounded
/// up to whole chunks, then as many whole chunks go as fit into `ratio` of the rest. No stored byte changes, since keys
/// are stored unrotated. What is settled and stays, stays settled, unless the cut goes through the unsettled part.
/// Returns how many tokens were dropped (0 if there was no whole chunk to drop).
std::uint32_t truncate(lineage& window, std::uint32_t protect, double ratio = 0.5);

/// What happens to a window that is full (CachedAttention §3.4).
struct overflow_policy {
  double ratio = 0.5;             ///< share of what is not kept that goes at a time; 0: nothing, the context is full
  std::uint32_t keep_tokens = 0;  ///< leading tokens that stay in every window
};

/// Truncates, the policy's share at a time but at least a chunk, until the window has at most `tokens_max` tokens or
/// nothing is left that may go. Returns how many tokens were dropped.
std::uint32_t make_room(lineage& window, std::uint32_t tokens_max, const overflow_policy& policy);

}  // namespace chromatin::kv
