#pragma once

/// The body of POST /v1/chat/completions. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "http/sampling_fields.hpp"
#include "kv/eviction.hpp"
#include "model/chat_template.hpp"

namespace chromatin::http {

struct chat_request {
  std::string model;                     ///< empty: whatever is served
  std::vector<model::message> messages;  ///< the last is a user's; `developer` is read as `system`
  model::sampling sampling;              ///< tokens_max 0: not said
  std::uint32_t n = 1;                   ///< choices; each has the seed after that of the one before
  bool stream = false;
  bool include_usage = false;  ///< in a stream, as its last chunk
  std::string conversation;    ///< an extension: said there, and `messages` are the new ones only
  std::uint8_t priority = 50;  ///< an extension, and so is the next
  kv::retention keep;          ///< `ttl` in seconds: the conversation's cache is kept with its priority
};

/// Fields that nobody knows are passed over; those of what is not served are refused by name unless they ask for
/// nothing. Throws error.
chat_request read_chat_request(std::string_view body, const reading& with);

}  // namespace chromatin::http
