#pragma once

/// The values that travel between actors. Bytes never do: a message carries `kv::page_ref` handles.
///
/// None of these types crosses a node: page handles and sinks are addresses in this process, hence
/// CAF_ALLOW_UNSAFE_MESSAGE_TYPE at the end of this file.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/timespan.hpp>

#include "gpu/backend.hpp"
#include "io/chunk_store.hpp"
#include "kv/eviction.hpp"
#include "kv/recency_list.hpp"
#include "kv/lineage.hpp"
#include "kv/page.hpp"
#include "model/sampler.hpp"

namespace chromatin {

/// One answer being made; unique in the process.
using turn_id = std::uint64_t;

/// One order given to a tier; unique in the process, since a tier serves several orderers.
using ticket = std::uint64_t;
inline ticket new_ticket() {
  static std::atomic<ticket> last{0};
  return ++last;
}

using key_list = std::vector<kv::chunk_key>;
using checksum_list = std::shared_ptr<const std::vector<std::uint64_t>>;

/// Where tokens of a prompt came from; `recomputed` means from nowhere.
enum class source : std::uint8_t { device, host, disk, recomputed };
inline constexpr std::size_t cache_sources = 3;
constexpr std::string_view to_string(source s) {
  constexpr std::array<std::string_view, 4> names{"device", "host", "disk", "recomputed"};
  return names[static_cast<std::size_t>(s)];
}

// -- tiers --

/// A chunk as tiers pass it on.
struct chunk {
  kv::link link;
  std::uint32_t depth = 0;  ///< its index in the chain
  kv::page_ref page;        ///< where its bytes are
  checksum_list
      checksums;  ///< one per layer; made by the host tier when the chunk first leaves the device, null before
};

/// Save `chunks`, layers [layer_begin, layer_end). A saver sends either all layers at once or one layer after the
/// other, in order, the same chunks each time. When the last layer is safe the tier answers the saver with `saved` or
/// `refused`.
struct save_order {
  std::vector<chunk> chunks;
  std::uint32_t layer_begin = 0;
  std::uint32_t layer_end = 0;
};

/// Bring chunks up. With pages in `into` (one per link) their bytes go there; without, into the tier itself, ahead of
/// need.
struct fetch_order {
  ticket id = 0;
  std::vector<kv::link> links;  ///< head first
  std::vector<kv::page_ref> into;
  caf::timespan deadline{};  ///< from now; after it the orderer no longer wants the answer, so the tier need not start
};

/// What a tier answers to a fetch order at once: it will deliver the first `chunks.size()` links, layer by layer.
struct fetch_started {
  struct promised {
    source from = source::disk;
    std::uint32_t depth = 0;
    checksum_list checksums;
  };
  std::vector<promised> chunks;
};

/// Named numbers of one part of the system, in a fixed order.
struct counters {
  std::string part;
  std::vector<std::pair<std::string, std::int64_t>> values;
};

/// The scheduler's view of what comes next, in order of expected start (CachedAttention §3.3).
struct hints {
  std::vector<kv::upcoming_turn> upcoming;
  std::vector<std::vector<kv::link>> links;  ///< the same chains with fills, for fetching; parallel to `upcoming`
};

/// One durable change of the disk tier's catalogue.
struct catalog_batch {
  std::vector<io::stored_chunk> added;
  key_list removed;
  key_list used;
};

// -- the device tier --

/// A turn asks for its block table.
struct admission {
  turn_id turn = 0;
  std::vector<kv::link> reuse;    ///< chain that may be reused, head first; its last chunk may be partly filled
  std::uint32_t pages = 0;        ///< of the whole turn: prompt and the longest answer
  bool may_load = true;           ///< false after a failed load: take only what the device already has
  caf::timespan load_deadline{};  ///< past it, recomputing is cheaper than waiting
};

/// How far the load of a turn's reused chunks is. Written by the device tier, read by the executor, which gets a
/// `ready` or `failed` message at each change so that it need not look again and again.
struct load_progress {
  std::atomic<std::uint32_t> layers_ready{0};
  std::atomic<bool> failed{false};
};

/// Its block table. Pages of reused chunks come first; the rest is for new tokens.
struct admitted {
  std::vector<kv::page_ref> pages;
  std::uint32_t reused_tokens = 0;
  std::array<std::uint32_t, cache_sources> hit_tokens{};
  std::shared_ptr<load_progress> loading;  ///< null when all reused chunks are in place
};

/// A turn ends: its pages are unpinned, its open last chunk (if `tail` has a page) is saved, the tail it grew from is
/// dropped.
struct release_order {
  turn_id turn = 0;
  chunk tail;
  kv::chunk_key superseded;  ///< zero if there is none
};

// -- scheduler and executor --

/// Receives an answer as it is made. Called from the scheduler's thread: must not block. Thread-safe against its owner.
class token_sink {
 public:
  virtual ~token_sink() = default;
  /// Some whole characters of the answer.
  virtual void text(std::string_view) = 0;
};

/// A conversation's window is ready to be continued.
struct turn_order {
  turn_id turn = 0;
  std::uint64_t conversation = 0;  ///< a hash of tenant and name, for hints
  kv::lineage window;              ///< whole prompt, to the opening of the answer
  model::sampling sampling;
  std::uint8_t priority = 50;
  bool reuse = true;  ///< false: compute everything and save nothing (for comparison)
  std::shared_ptr<token_sink> sink;
};

enum class stop_reason : std::uint8_t { end_of_answer, stop_string, tokens_max, context_full, cancelled };

struct turn_statistics {
  /// What had to be in the cache to go on: the prompt, and after a truncation in mid-answer what stayed of the window.
  std::uint32_t prompt_tokens = 0;
  std::uint32_t computed_tokens = 0;  ///< of these
  std::array<std::uint32_t, cache_sources> hit_tokens{};
  std::uint32_t answer_tokens = 0;
  std::uint32_t dropped_tokens = 0;  ///< that left a full window, before the prompt or in mid-answer
  std::int64_t queued_us = 0;
  std::int64_t first_token_us = 0;  ///< from the scheduler's receipt of the turn
  std::int64_t total_us = 0;
  stop_reason stopped = stop_reason::end_of_answer;
};

/// How a turn ended: what the registry has to remember of it.
struct turn_outcome {
  std::vector<kv::token_id> answer;  ///< as sampled, an end-of-answer token included
  std::uint32_t settled = 0;         ///< leading tokens of window + answer whose chunks were handed to the tiers
  std::string text;
  std::optional<kv::lineage> window;  ///< with the answer in it, when the turn truncated it
  turn_statistics statistics;
};

/// One sequence's part of a step. The executor fills token slots beyond `position` in `pages`; nobody else does
/// meanwhile.
struct step_part {
  turn_id turn = 0;
  std::vector<kv::token_id> tokens;
  std::uint32_t position = 0;
  std::vector<kv::page_ref> pages;
  std::shared_ptr<load_progress> loading;   ///< wait for it before each layer; null: nothing to wait for
  std::vector<chunk> completed;             ///< chunks this step fills up, to be saved layer by layer
  std::shared_ptr<model::sampler> sampler;  ///< set when the step ends with a token for this sequence
};

/// With `decode_steps` above 1 every part ends with a token, and the executor goes on by itself: each sequence's token
/// is its next input, until that many tokens were sampled or one of them is in `ends`. The path to the scheduler and
/// back costs a small model as much as a step. No chunk is filled up after the first step.
struct step_order {
  std::vector<step_part> parts;
  std::uint32_t decode_steps = 1;
  std::vector<kv::token_id> ends;
};

/// What a step gave, in the order of its parts.
struct step_result {
  struct part {
    std::vector<kv::token_id> tokens;  ///< sampled, one a step
    bool failed = false;               ///< its load failed: nothing of this part counts
  };
  std::vector<part> parts;
  std::int64_t compute_us = 0;
  std::int64_t load_wait_us = 0;
};

// -- registry and gateway --

/// A conversation by name, as one tenant sees it.
struct conversation_ref {
  std::string tenant;
  std::string id;
};

struct conversation_info {
  std::string id;
  std::uint64_t version = 0;
  std::uint32_t tokens = 0;
  std::uint32_t context_tokens = 0;
  std::uint32_t messages = 0;
};

/// One user turn.
struct say_request {
  turn_id turn = 0;
  conversation_ref conversation;
  std::string text;
  model::sampling sampling;
  std::uint8_t priority = 50;
  bool reuse = true;
};

/// The registry's answer to an appended message: what to compute, and the version that settling expects.
struct prepared_turn {
  kv::lineage window;
  std::uint64_t version = 0;
  std::uint32_t dropped_tokens = 0;  ///< that left the window to make room
};

struct settlement {
  conversation_ref conversation;
  std::uint64_t version = 0;
  turn_outcome outcome;
};

}  // namespace chromatin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::admission)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::admitted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::catalog_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_info)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_ref)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::counters)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::fetch_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::fetch_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::hints)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::key_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::prepared_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::release_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::save_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::say_request)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::settlement)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::step_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::step_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_statistics)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<chromatin::token_sink>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<chromatin::counters>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<bool>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<chromatin::io::stored_chunk>)
