#pragma once

/// Text to token ids and back. Two kinds: SentencePiece (`tokenizer.model`) and byte-level BPE (`tokenizer.json`).

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// Immutable after construction; any thread.
class tokenizer {
 public:
  /// The tokenizer of a checkpoint folder. Where both files are there it is `tokenizer.model`: what such a checkpoint
  /// was trained with; the other file is then a conversion of it. Throws load_error.
  static std::shared_ptr<const tokenizer> open(const std::filesystem::path& folder);

  tokenizer() = default;
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;
  virtual ~tokenizer() = default;

  /// One more than the largest id.
  virtual std::uint32_t size() const = 0;
  /// Ids of plain text. Never yields a control token, whatever the text says: a user cannot forge a turn.
  virtual std::vector<kv::token_id> encode(std::string_view text) const = 0;
  /// The texts of all control tokens: what text of a template, and no other, may become.
  virtual std::vector<std::string> controls() const = 0;
  /// The id of a control or user-defined piece such as `</s>` or `<|user|>`, if there is one.
  virtual std::optional<kv::token_id> find_control(std::string_view piece) const = 0;
  /// The same; throws load_error if there is none.
  kv::token_id control(std::string_view piece) const;
  /// The bytes a token stands for; none for control tokens. A leading space is part of the token.
  virtual std::string bytes(kv::token_id token) const = 0;
  /// True when the first token of a text carries a space that was not in the text.
  virtual bool adds_leading_space() const = 0;
  /// Of the file.
  virtual kv::hash128 hash() const = 0;
};

/// True for texts such as `<|user|>` or `[INST]`, which plain text never becomes, whatever else the tokenizer's file
/// says.
bool looks_like_control(std::string_view piece);

}  // namespace chromatin::model
