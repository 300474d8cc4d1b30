#pragma once

/// What a conversation's window is made of, and the chain of chunk keys that follows from it. Pure values; any thread.

#include <cstdint>
#include <optional>
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

/// Whole chunks that left a window whose later chunks stayed: when `at_tokens` of its tokens were computed, `dropped`
/// was taken out in front of chunk `first_chunk`. Enough to build the window as it was before.
struct cut {
  std::uint32_t first_chunk = 0;
  std::uint32_t at_tokens = 0;
  std::vector<token_id> dropped;

  bool operator==(const cut&) const = default;
};

/// The window of a conversation: the tokens the model sees, in order.
///
/// Keys are content addresses: `key = hash(context, tokens of the chunk)`. The context is everything the chunk's tokens
/// see before them. For a window that was never truncated it is the key of the chunk before, and `root` for the first
/// one; `root` has the model's fingerprint and the tenant's salt in it. So equal openings share chunks, and another
/// tenant's chunks can neither be hit nor guessed.
///
/// After a truncation (CachedAttention §3.4) the chunks that stay keep their keys (`kept`), since their bytes remain
/// valid. They were computed with more tokens before them than the window shows, so the context of a chunk after them
/// is a hash over the keys that the window really has. A kept chunk that no tier has any more cannot be computed from
/// the window: it is computed again from the window as it was (`history`), or the window starts afresh (`rebase`).
struct lineage {
  std::vector<token_id> tokens;   ///< the window
  std::vector<chunk_key> kept;    ///< keys of the chunks that a truncation left; empty before the first one
  std::uint32_t kept_tokens = 0;  ///< tokens in `kept`; its last chunk may be partly filled
  chunk_key root;                 ///< the context of the first chunk; never changes
  std::uint32_t settled = 0;      ///< leading tokens whose keys and values were computed and saved
  std::uint32_t keep = 0;         ///< leading tokens that a truncation never drops: a system prompt
  std::vector<cut> cuts;          ///< oldest first; empty if the window before cannot be built any more

  bool operator==(const lineage&) const = default;
};

/// The root of a tenant's chains.
chunk_key root_key(fingerprint model, hash128 tenant_salt);

/// The key of a chunk that is seen after `context` and holds `tokens` (1 to 64 of them).
chunk_key next_key(chunk_key context, std::span<const token_id> tokens);

/// The chain of a window that grows at its end: each whole chunk is hashed once. After a truncation of the window a new
/// one is made.
class growing_chain {
 public:
  growing_chain() = default;

  /// Links of the whole chunks among the first `token_count` tokens of the window, perhaps of more.
  const std::vector<link>& whole(const lineage& window, std::uint32_t token_count);
  /// The link of the partly filled chunk at the end of the first `token_count` tokens; there must be one.
  link tail(const lineage& window, std::uint32_t token_count);
  /// The links of the first `token_count` tokens: whole chunks, then the partial one if there is a rest.
  std::vector<link> upto(const lineage& window, std::uint32_t token_count);

 private:
  std::vector<link> whole_;
  chunk_key context_;  ///< of the chunk after `whole_`; the root if there is none yet
};

/// `growing_chain{}.upto(…)`, for whoever asks once.
std::vector<link> chain(const lineage& window, std::uint32_t token_count);

/// What may be in the cache of a window that is about to be continued, head first. Never all tokens: the last one must
/// be computed to be continued.
struct reusable {
  std::vector<link> whole;   ///< every whole chunk: what lies behind the settled part, another turn may have computed
  std::optional<link> tail;  ///< the partly filled chunk that the last turn left, in place of `whole[tail_depth]`
  std::uint32_t tail_depth = 0;

  /// The settled part only: whole chunks, then the tail.
  std::vector<link> settled() const;
};
reusable reusable_of(const lineage& window, growing_chain& chain);

/// Drops tokens from the window by editing it only: the first chunk and the first `protect` tokens (at least
/// `window.keep`) stay, rounded up to whole chunks, then as many whole chunks go as fit into `ratio` of the rest. The
/// first chunk has the beginning-of-text token, and attention leans on it. No stored byte changes, since keys are
/// stored unrotated. Kept chunks that are cached remain valid; if the cut falls inside tokens that were never computed,
/// the tokens after it are computed against the kept prefix. Returns how many tokens were dropped (0 if there was no
/// whole chunk to drop).
std::uint32_t truncate(lineage& window, std::uint32_t protect, double ratio = 0.5);

/// What happens to a window that is full (CachedAttention §3.4).
struct overflow_policy {
  double ratio = 0.5;             ///< share of what is not kept that goes at a time; 0: nothing, the context is full
  std::uint32_t keep_tokens = 0;  ///< leading tokens that stay in every window
  /// Dropped tokens that are remembered to compute lost chunks again exactly. A window with more starts afresh from the
  /// tokens it has when a kept chunk is lost.
  std::uint32_t history_tokens_max = 1u << 18;
};

/// Whole chunks that left a window while computed chunks behind them stayed.
struct chunk_range {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

/// Truncates, the policy's share at a time but at least a chunk, until the window has at most `tokens_max` tokens or
/// nothing is left that may go; the partly filled chunk at the end goes last. Returns how many tokens were dropped;
/// `removed`, if given, gets the ranges to take out of a block table, one after the other, before it ends at
/// `window.settled`.
std::uint32_t make_room(lineage& window, std::uint32_t tokens_max, const overflow_policy& policy,
                        std::vector<chunk_range>* removed = nullptr);

/// Takes tokens off the window's end, as after a stop string, so that `count` are left.
void shorten(lineage& window, std::uint32_t count);

/// The window starts afresh: all of it is computed from the tokens it has, under keys of its own.
void rebase(lineage& window);

/// The windows in which the kept chunks were computed, oldest first; each ends where it was cut. Empty when they cannot
/// be built any more. Applying `cuts[i]` to the i-th gives the beginning of the next one; the last one's next is
/// `window`.
std::vector<lineage> history(const lineage& window);

}  // namespace chromatin::kv
