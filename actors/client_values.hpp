#pragma once

/// What a client is told of its turns and conversations, and of the server: a part of actors/messages.hpp. Pure values,
/// without an actor: installed with the RPC client.

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/message.hpp"

namespace chromatin {

/// Messages in the order in which they were said. Roles: "system" (the first message only), "user", "assistant".
using message_list = std::vector<model::message>;

/// For `fork`: all messages.
inline constexpr std::uint32_t all_messages = ~std::uint32_t{0};

struct conversation_info {
  std::string id;
  std::uint64_t version = 0;
  std::uint32_t tokens = 0;
  std::uint32_t context_tokens = 0;
  std::uint32_t messages = 0;
  std::string last_role;  ///< of the last message; empty when there is none
  bool damaged = false;   ///< it does not match its checksum: it can be forgotten, nothing else
  /// In lists: what is known of it beside what was said in it.
  std::int64_t created_s = 0;  ///< seconds since 1970; 0: nobody knows
  std::string metadata = {};   ///< what a client put there, as its protocol keeps it
};
using conversation_list = std::vector<conversation_info>;

/// Some of a conversation's messages.
struct transcript {
  std::uint32_t first = 0;  ///< number of the first one, from 0
  std::uint32_t total = 0;  ///< messages of the conversation
  message_list messages;
};

/// An archive or a recall of a conversation: what a client that asked for one can come back with.
struct archive_ticket {
  std::uint64_t number = 0;          ///< of the job
  std::string id;                    ///< of the conversation
  std::string state;                 ///< planned, ordered, stored; asked, sequencing, decoded, settled
  std::int64_t expected_s = 0;       ///< when it is about to be at its end, seconds since 1970; 0: nobody knows
  std::int64_t left_s = 0;           ///< until then; 0: nobody knows
  std::uint64_t reads = 0;           ///< ordered so far
  std::uint32_t blocks_missing = 0;  ///< that these did not bring
  std::uint64_t reads_more = 0;      ///< that would
  std::string failure;               ///< why it does not go on by itself; empty: it does
  std::string note;                  ///< what the laboratory says, or what became of keys and values
  bool simulated = false;            ///< the laboratory is a model
  bool kv = false;                   ///< keys and values are asked for, too
};
using archive_tickets = std::vector<archive_ticket>;

/// Tokens that came from the tier of this name: "device", "host", "disk", …
struct hit {
  std::string tier;
  std::uint32_t tokens = 0;

  bool operator==(const hit&) const = default;
};
using hit_list = std::vector<hit>;

/// Adds to the tier's entry; a new tier goes to the end, so that a list is in the order of the hierarchy.
inline void add_hit(hit_list& list, std::string_view tier, std::uint32_t tokens) {
  if (tokens == 0) return;
  auto known = std::find_if(list.begin(), list.end(), [&](const hit& h) { return h.tier == tier; });
  if (known != list.end())
    known->tokens += tokens;
  else
    list.push_back({std::string{tier}, tokens});
}

inline std::uint32_t tokens_from(const hit_list& list, std::string_view tier) {
  auto known = std::find_if(list.begin(), list.end(), [&](const hit& h) { return h.tier == tier; });
  return known == list.end() ? 0 : known->tokens;
}

/// Named numbers of one part of the system, in a fixed order, and what an operator should know of it, a sentence each.
struct counters {
  std::string part;
  std::vector<std::pair<std::string, std::int64_t>> values;
  std::vector<std::string> notes = {};
};

enum class stop_reason : std::uint8_t { end_of_answer, stop_string, tokens_max, context_full, cancelled };

struct turn_statistics {
  /// What had to be in the cache to go on: the prompt, what stayed of the window after a truncation in mid-answer, and
  /// earlier windows that had to be computed again.
  std::uint32_t prompt_tokens = 0;
  std::uint32_t computed_tokens = 0;  ///< of these; the others were reused:
  hit_list hits;
  std::uint32_t answer_tokens = 0;
  std::uint32_t dropped_tokens = 0;  ///< that left a full window, before the prompt or in mid-answer
  std::uint32_t preemptions = 0;     ///< how often the turn gave its pages to another one
  std::int64_t queued_us = 0;
  std::int64_t first_token_us = 0;  ///< from the scheduler's receipt of the turn
  std::int64_t total_us = 0;
  stop_reason stopped = stop_reason::end_of_answer;
  std::uint32_t messages = 0;  ///< of the conversation, this answer being the last; set by who settles
};

}  // namespace chromatin
