#pragma once

/// What people who look at the system are shown: a part of actors/messages.hpp.

#include <cstdint>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/talk.hpp"

namespace chromatin {

/// What a tier has of a chunk.
enum class chunk_presence : std::uint8_t { absent, coming, here };
using presence_list = std::vector<chunk_presence>;

/// What each tier has of some chunks, from the device down.
struct tier_presence {
  std::string tier;  ///< its part's name, such as "host-tier"
  presence_list chunks;
};
using chunk_places = std::vector<tier_presence>;

/// A turn that waits or runs.
struct turn_view {
  enum class phase : std::uint8_t { waiting, loading, prefill, decode };

  turn_id turn = 0;
  conversation_ref conversation;  ///< set by the gateway; of a plain prompt only the tenant
  phase at = phase::waiting;
  std::uint8_t priority = 50;
  std::uint32_t window_tokens = 0;
  std::uint32_t computed_tokens = 0;  ///< of these; the others are still to be computed or loaded
  std::uint32_t expected_chunks = 0;  ///< that a waiting turn is expected to reuse
  std::uint32_t answer_tokens = 0;
  std::int64_t since_us = 0;  ///< that it has been there
};
using turn_views = std::vector<turn_view>;

}  // namespace chromatin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::chunk_places)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::presence_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_views)
