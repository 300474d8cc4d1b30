#pragma once

/// A trace of requests to a chat service, of whatever kind: who asked when, what of it could be reused, what could be
/// kept after it. Read whole; immutable then.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::sim {

struct request {
  std::int64_t at_us = 0;
  std::uint64_t conversation = 0;   ///< from 1
  std::uint32_t prompt_tokens = 0;  ///< the conversation up to the answer
  std::uint32_t answer_tokens = 0;
};

/// A piece of a conversation's cache.
struct block {
  kv::chunk_key key;
  std::uint32_t tokens = 0;  ///< room that it takes
  std::uint32_t counts = 0;  ///< of these, tokens that its reuse saves
};

/// The key of a piece, as evenly spread as those of real chunks.
kv::chunk_key key_of(std::uint64_t owner, std::uint64_t piece);

class trace {
 public:
  virtual ~trace() = default;
  virtual std::string_view kind() const = 0;
  /// In the order of time.
  virtual const std::vector<request>& requests() const = 0;
  /// What the request could reuse, from the head; a block is of use when those before it are there.
  virtual void reusable(std::size_t request, std::vector<block>& chain) const = 0;
  /// Tokens of a block whose key says what is in it, a prompt's whole content; 0: keys are names, and a conversation's
  /// prompt goes on from where its last answer ended.
  virtual std::uint32_t block_tokens() const { return 0; }
  /// Its chain when it is over. A key that was there before may have grown.
  virtual void kept(std::size_t request, std::vector<block>& chain) const = 0;
};

/// Knows the kind by the content, which may be gzipped. Throws std::runtime_error with one line: file, line, what is
/// wrong, the way out.
std::unique_ptr<trace> read_trace(const std::filesystem::path& file);

/// The same for a text that is in memory; `name` is for messages.
std::unique_ptr<trace> parse_trace(std::string_view text, const std::string& name);

// -- the kinds (kinds.cpp has them in one table) --

/// Mooncake (FAST'25): a JSON object a line with timestamp (ms), input_length, output_length (tokens) and hash_ids, a
/// key for each 512 tokens of the prompt. Who asks is not in it: a request goes on with the conversation that last used
/// the deepest block it shares, unless that is the block at the head, with which every request begins.
std::unique_ptr<trace> parse_mooncake(std::string_view text, const std::string& name);
bool looks_like_mooncake(std::string_view text);

/// Bidaw (FAST'26): a heading, then user, seconds, query tokens, response tokens and round (from 0). A user is one
/// conversation; the last 2,048 tokens of it are its window and stay valid when the oldest go.
std::unique_ptr<trace> parse_interactive(std::string_view text, const std::string& name);
bool looks_like_interactive(std::string_view text);

}  // namespace chromatin::sim
