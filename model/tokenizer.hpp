#pragma once

/// Text to token ids and back, by a SentencePiece model (`tokenizer.model`).

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// Immutable after construction; any thread.
class tokenizer {
 public:
  /// Throws load_error.
  explicit tokenizer(const std::filesystem::path& file);
  ~tokenizer();
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;

  std::uint32_t size() const;
  /// Ids of plain text. Never yields a control token, whatever the text says: a user cannot forge a turn.
  std::vector<kv::token_id> encode(std::string_view text) const;
  /// The id of a control or user-defined piece such as `</s>` or `<|user|>`; throws load_error if there is none.
  kv::token_id control(std::string_view piece) const;
  /// The bytes a token stands for; none for control tokens. A leading space is part of the token.
  std::string bytes(kv::token_id token) const;
  /// True when the first token of a text carries a space that was not in the text.
  bool adds_leading_space() const { return adds_leading_space_; }
  kv::hash128 hash() const { return hash_; }

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
  bool adds_leading_space_ = false;
  kv::hash128 hash_;
};

}  // namespace chromatin::model
