#pragma once

/// How a conversation's window follows what was said: an answer settles into it, messages are taken back from it, it is
/// made of messages. Pure.

#include <span>

#include "actors/rendering.hpp"
#include "io/registry_store.hpp"

namespace chromatin {

/// Keys under which tiers may hold chunks of the settled part of this window, and of the windows it was before its
/// cuts. Those of the first `known_tokens` tokens are left out, where there were no cuts.
key_list chunks_of(const kv::lineage& window, std::uint32_t known_tokens);

/// Puts `prompt`, which made the model answer, and its answer behind the messages in the window, up to a stop string if
/// one ended it. Adds the chunks that the turn
/// may have left in the tiers to `chunks`. Answers with the tokens of the answer's message.
std::vector<kv::token_id> settle_window(kv::lineage& window, const turn_outcome& outcome,
                                        const std::vector<kv::token_id>& prompt, const rendering& render,
                                        std::uint32_t known_tokens, key_list& chunks);

/// Takes the tokens of the last messages off the window's end. False, and nothing changes, when the window does not end
/// with them or was truncated since.
bool take_back(kv::lineage& window, std::span<const io::stored_message> messages);

/// The window of these messages as if they were said in a new conversation.
kv::lineage window_of(std::span<const io::stored_message> messages, kv::chunk_key root, const rendering& render);

}  // namespace chromatin
