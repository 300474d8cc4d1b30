#pragma once

/// What clients of any protocol ask for, as it travels to gateway and registry: a part of actors/messages.hpp.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/client_values.hpp"
#include "io/registry_store.hpp"
#include "kv/retention.hpp"
#include "model/sampling.hpp"

namespace chromatin {

/// One answer being made; unique in the process.
using turn_id = std::uint64_t;

/// A conversation by name, as one tenant sees it.
struct conversation_ref {
  std::string tenant;
  std::string id;
  /// Its chunks and its messages are apart from all that was not said under the same salt. Asked for where a turn
  /// begins; a conversation keeps the one that it began with. Empty: none, the tenant's own.
  std::string salt = {};
};

/// What policies know a conversation by: the numbers that kv::chain_use has room for. The salt is no part of the name.
inline std::uint64_t hash_of(const conversation_ref& which) {
  return std::hash<std::string>{}(which.tenant + '\n' + which.id) & (~std::uint64_t{0} >> 1);
}

/// The conversation that begins with the most of some messages.
struct matched_conversation {
  std::string id;              ///< empty: none does
  std::uint32_t shared = 0;    ///< how many of the messages
  std::uint32_t messages = 0;  ///< of the conversation
};

/// Names that begin so are the server's own: of conversations that nobody named, which go by themselves when a tenant
/// has too many.
inline constexpr std::string_view unnamed_prefix = "http-";

using io::conversation_label;
using io::conversation_point;
using io::list_bytes_max;

/// What an answer goes on from without a chat template and without a conversation.
struct plain_prompt {
  std::string text;
  std::vector<kv::token_id> tokens = {};  ///< in place of the text
};

/// One user turn.
struct say_request {
  turn_id turn = 0;
  conversation_ref conversation;  ///< of a plain prompt only tenant and salt
  /// Who asks: a tenant where there are tokens, else whoever connects from one address. Clients get equal shares.
  std::string client;
  std::uint64_t connection = 0;  ///< of the client; its connections get equal shares of its own
  /// The conversation has so many messages, or the turn is refused as busy.
  std::optional<std::uint32_t> known = {};
  message_list before;                     ///< said elsewhere, ahead of `text`: appended with it
  std::string text;                        ///< what the user says
  std::optional<plain_prompt> plain = {};  ///< in place of both: nobody remembers the turn
  model::sampling sampling;
  std::uint8_t priority = 50;
  kv::retention keep;  ///< of what the turn leaves in the tiers
  bool reuse = true;
};

}  // namespace chromatin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::io::conversation_label)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::io::conversation_point)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::matched_conversation)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::message_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::plain_prompt)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::say_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::transcript)
