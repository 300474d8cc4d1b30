#pragma once

/// The values that travel between actors. Bytes never do: a message carries `kv::page_ref` handles.
///
/// None of these types crosses a node: page handles and sinks are addresses in this process, hence
/// CAF_ALLOW_UNSAFE_MESSAGE_TYPE at the end of this file.

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

#include "actors/archive_values.hpp"
#include "actors/talk.hpp"
#include "actors/views.hpp"
#include "gpu/backend.hpp"
#include "io/chunk_store.hpp"
#include "io/operation.hpp"
#include "kv/eviction.hpp"
#include "kv/lineage.hpp"
#include "kv/load_choice.hpp"
#include "kv/page.hpp"
#include "model/sampler.hpp"

namespace chromatin {

/// One order given to a tier; unique in the process, since a tier serves several orderers.
using ticket = std::uint64_t;
inline ticket new_ticket() {
  static std::atomic<ticket> last{0};
  return ++last;
}

using key_list = std::vector<kv::chunk_key>;
using checksum_list = std::shared_ptr<const std::vector<std::uint64_t>>;

// -- tiers --

/// A chunk as tiers pass it on.
struct chunk {
  kv::link link;
  std::uint32_t depth = 0;  ///< its index in the chain
  kv::page_ref page;        ///< where its bytes are: a device's page in device form, or a host page in packed form
  checksum_list checksums;  ///< one per layer, of the packed form; null until the chunk has left the device once
};

/// Save `chunks`, layers [layer_begin, layer_end). A saver sends either all layers at once or one layer after the
/// other, in order, the same chunks each time; it may begin again at layer 0. When the last layer is safe the tier
/// answers the saver with `saved` or `refused`.
struct save_order {
  std::vector<chunk> chunks;
  std::uint32_t layer_begin = 0;
  std::uint32_t layer_end = 0;
  gpu::fence after;  ///< the layers' bytes are in the pages when this has passed; what it fails is not saved
};

/// Load chunks. With pages in `into` (one per link) their bytes go there; without, into the tier itself, ahead of need.
struct fetch_order {
  ticket id = 0;
  std::vector<kv::link> links;  ///< in the order of the chain
  std::vector<kv::page_ref> into;
  caf::timespan deadline{};  ///< from now; after it the orderer no longer wants the answer, so the tier need not start
  io::urgency urgency = io::urgency::turn_waits;
  kv::recompute_cost recompute = {};  ///< a tier does not promise what is computed sooner than it could be read
  /// Tokens that each link makes of use: its own, and those of what the orderer has right behind it. Empty: its own.
  std::vector<std::uint32_t> brings_tokens = {};
  /// Orders ahead of need, not over yet, that the turn would wait for as well: the heads of what it wants.
  std::vector<ticket> joins = {};
  std::uint32_t joined_tokens = 0;
};

/// What a tier answers to a fetch order at once: it will deliver the first `chunks.size()` links, layer by layer.
struct fetch_started {
  struct promised {
    std::string tier;  ///< where the chunk is now
    std::uint32_t depth = 0;
    checksum_list checksums;
  };
  std::vector<promised> chunks;
  bool joins = true;  ///< false: what the order would join comes later than it is computed
};

/// Chunks in a tier, of one conversation and head first, that are likely to be wanted soon.
struct expected_chunks {
  std::vector<kv::link> links;
  double worth = 0;  ///< as in kv::expected_use
};
using expectations = std::vector<expected_chunks>;  ///< the likeliest first

/// Conversations, as policies know them (`hash_of`), and the chances that they return.
using hash_list = std::vector<std::uint64_t>;
using chance_list = std::vector<double>;

/// The scheduler's view of what comes next, in order of expected start (CachedAttention §3.3).
struct hints {
  bool whole = true;  ///< else only those that come first are named, and the others are as they were
  std::vector<kv::upcoming_turn> upcoming;
  std::vector<std::vector<kv::link>> links;  ///< the same chains with fills, for fetching; parallel to `upcoming`
  std::vector<kv::recompute_cost> costs;     ///< of what is not fetched; parallel to `upcoming`
};

// -- the device tier --

/// A turn asks for its block table.
struct admission {
  turn_id turn = 0;
  kv::reusable chain;             ///< what may be in the cache
  std::uint32_t pages = 0;        ///< of the whole block table
  bool may_load = true;           ///< false after a load that was late: take only what the device has
  caf::timespan load_deadline{};  ///< past it, recomputing is cheaper than waiting
  std::uint32_t tokens = 0;       ///< of its window
  kv::recompute_cost recompute;   ///< of its window, from the first token on
  kv::chain_use use;
};

/// How a turn's history comes back from the tiers below the device.
struct loading_choice {
  bool by_layer = true;    ///< a layer is computed when its slices are there; false: the first one waits for all
  bool recomputes = true;  ///< what is computed sooner than it could be loaded; false: whatever is there is loaded
};

/// The answer, at once: the block table, or how many pages are missing. In the second case the turn has nothing, and
/// `room` tells when it is worth asking again.
struct admitted {
  std::uint32_t missing_pages = 0;
  std::vector<kv::page_ref> pages;    ///< those of reused chunks first; the rest is for new tokens
  std::uint32_t resident_tokens = 0;  ///< leading tokens that the device has
  gpu::fence tail_copied;             ///< wait for it before the first layer
  bool loading = false;               ///< tiers below were asked for more: `promised` follows
};

/// How far the load of a turn's chunks is. The device tier writes it, the executor reads it; a `ready` or `failed`
/// message follows each change.
class load_progress {
 public:
  explicit load_progress(std::uint32_t layers) : fences_(layers) {}

  /// Layers come in order.
  void ordered(std::uint32_t layer, gpu::fence arrives) {
    fences_.at(layer) = std::move(arrives);
    layers_ordered_.store(layer + 1, std::memory_order_release);
  }
  std::uint32_t layers() const { return static_cast<std::uint32_t>(fences_.size()); }
  std::uint32_t layers_ordered() const { return layers_ordered_.load(std::memory_order_acquire); }
  /// Of a layer that was ordered.
  const gpu::fence& arrives(std::uint32_t layer) const { return fences_.at(layer); }
  void arrive() { arrived_ = true; }
  bool arrived() const { return arrived_; }  ///< all layers are in place
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

 private:
  std::vector<gpu::fence> fences_;
  std::atomic<std::uint32_t> layers_ordered_{0};
  std::atomic<bool> arrived_{false}, failed_{false};
};

/// What the tiers below will deliver into a turn's pages, behind what the device had.
struct load_promise {
  std::uint32_t tokens = 0;
  hit_list hits;
  std::shared_ptr<load_progress> progress;  ///< null when nothing was promised
};

/// More pages for a turn: all that it asked for, or none and how many are missing.
struct grown {
  std::uint32_t missing_pages = 0;
  std::vector<kv::page_ref> pages;
};

/// A turn gives its pages back: its chunks are unpinned, its open last chunk (if `tail` has a page) is saved, and the
/// tail it grew from is of no use any more.
struct release_order {
  turn_id turn = 0;
  chunk tail;
  kv::chunk_key superseded;  ///< zero if there is none
  kv::chain_use use;
};

// -- scheduler and executor --

/// Receives an answer as it is made. Called from the scheduler's thread: must not block. Thread-safe against its owner.
class token_sink {
 public:
  virtual ~token_sink() = default;
  /// Some whole characters of the answer.
  virtual void text(std::string_view) = 0;
  /// Of the answer's next token, for a turn that asks for it; ahead of the last of its text.
  virtual void likelihood(model::token_likelihood) {}
};

/// A conversation's window is ready to be continued.
struct turn_order {
  turn_id turn = 0;
  std::uint64_t conversation = 0;  ///< a hash of tenant and name, for hints
  kv::lineage window;              ///< whole prompt, to the opening of the answer
  model::sampling sampling;
  std::uint64_t client = 0;      ///< a hash of who asks, and
  std::uint64_t connection = 0;  ///< through which connection: equal shares are theirs
  std::uint8_t priority = 50;
  kv::retention keep;  ///< of what it leaves in the tiers
  bool reuse = true;   ///< false: compute everything and save nothing (for comparison)
  std::shared_ptr<token_sink> sink;
};

/// How a turn ended: what the registry has to remember of it.
struct turn_outcome {
  std::vector<kv::token_id> answer;  ///< as sampled, an end-of-answer token included
  /// Leading tokens of the answer that stay in the window: all, unless a stop string ended it. The model shall not see
  /// what the user does not see.
  std::uint32_t kept_answer_tokens = 0;
  std::uint32_t settled = 0;  ///< leading tokens of window + kept answer whose chunks were handed to the tiers
  std::string text;
  std::optional<kv::lineage> window;  ///< with the kept answer in it; set when the turn changed its beginning
  key_list also_saved;  ///< chunks that the turn saved and the window's chain does not name, such as tails on the way
  turn_statistics statistics;
};

/// One sequence's part of a step. The executor fills token slots beyond `position` in `pages`; nobody else does
/// meanwhile.
struct step_part {
  turn_id turn = 0;
  std::vector<kv::token_id> tokens;
  std::uint32_t position = 0;
  kv::block_table pages;
  gpu::fence before;                        ///< wait for it before the first layer
  std::shared_ptr<load_progress> loading;   ///< wait for it before each layer; null: nothing to wait for
  std::vector<chunk> completed;             ///< chunks this step fills up, to be saved layer by layer
  std::shared_ptr<model::sampler> sampler;  ///< set when the step ends with a token for this sequence
};

/// With `decode_steps` above 1 every part ends with a token, and the device goes on by itself: each sequence's token is
/// its next input, until that many tokens were sampled or one of them is in `ends`. The path to the scheduler and back
/// costs a small model as much as a step. No chunk is filled up after the first step.
struct step_order {
  std::vector<step_part> parts;
  std::uint32_t decode_steps = 1;
  std::vector<kv::token_id> ends;
};

/// What a step gave, in the order of its parts.
struct step_result {
  struct part {
    std::vector<kv::token_id> tokens;                       ///< sampled, one a step
    std::vector<model::token_likelihood> likelihoods = {};  ///< of these, for a turn that asks for them
    bool dropped = false;  ///< its load was late or failed: nothing of this part counts
    std::string error;     ///< why the turn cannot go on, as a sentence
  };
  std::vector<part> parts;
  std::int64_t compute_us = 0;
};

// -- registry and gateway --

/// The registry's answer to appended messages: what to compute.
struct prepared_turn {
  kv::lineage window;
  std::uint32_t dropped_tokens = 0;  ///< that left the window to make room
};

struct settlement {
  conversation_ref conversation;
  turn_id turn = 0;
  turn_outcome outcome;
};

/// A turn that was not answered.
struct abandoned_turn {
  conversation_ref conversation;
  turn_id turn = 0;
  bool computed = false;                 ///< tiers may hold chunks of its prompt:
  std::optional<std::uint32_t> settled;  ///< as in turn_outcome; unknown: perhaps every whole chunk
  key_list also_saved;                   ///< as in turn_outcome
};

}  // namespace chromatin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::abandoned_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::admission)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::admitted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::counters)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::expectations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::fetch_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::fetch_started)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::gpu::copy_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::gpu::fence)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::grown)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::hints)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::io::catalog_change)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::key_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::kv::chain_use)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::load_promise)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::prepared_turn)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::release_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::save_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::settlement)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::step_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::step_result)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_order)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_outcome)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::turn_statistics)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<chromatin::gpu::step_output>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<chromatin::token_sink>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<chromatin::counters>)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::vector<chromatin::io::stored_chunk>)
