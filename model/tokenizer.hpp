#pragma once

/// Text to token ids and back. Two kinds: BPE (`tokenizer.json`, GGUF) and SentencePiece (`tokenizer.model`).

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

/// Where a text begins that is turned into tokens. Some tokenizers put a space before the first word.
enum class text_place {
  start,         ///< nothing stands before it
  behind_token,  ///< a control token stands before it
  inside         ///< it goes on with a text that was cut there: nothing is put before it
};

/// The white space beside a control token that belongs to it, in texts that name the token.
struct token_margins {
  bool left = false, right = false;
};

/// Immutable after construction; any thread.
class tokenizer {
 public:
  /// The tokenizer of a checkpoint folder: `tokenizer.json` where there is one, else `tokenizer.model`, with the tokens
  /// that `added_tokens.json` and `tokenizer_config.json` add. `vocabulary` is the model's: tokens beside the
  /// tokenizer's own vocabulary that lie beyond it are left out, and a larger one is refused. Throws load_error.
  static std::shared_ptr<const tokenizer> open(const std::filesystem::path& folder,
                                               std::uint32_t vocabulary = ~std::uint32_t{0});

  tokenizer() = default;
  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;
  virtual ~tokenizer() = default;

  /// One more than the largest id.
  virtual std::uint32_t size() const = 0;
  /// Ids of plain text. Never yields a control token, whatever the text says: a user cannot forge a turn.
  virtual std::vector<kv::token_id> encode(std::string_view text, text_place place = text_place::start) const = 0;
  /// The texts of all control tokens: what text of a template, and no other, may become.
  virtual std::vector<std::string> controls() const = 0;
  /// The id of a control or user-defined piece such as `</s>` or `<|user|>`, if there is one.
  virtual std::optional<kv::token_id> find_control(std::string_view piece) const = 0;
  /// The same; throws load_error if there is none.
  kv::token_id control(std::string_view piece) const;
  /// The texts of tokens that were left out, since the model has no row for them: a template must not need them.
  virtual std::vector<std::string> left_out() const { return {}; }
  /// White space that a control token takes.
  virtual token_margins margins(kv::token_id) const { return {}; }
  /// The bytes a token stands for; none for control tokens. A leading space is part of the token.
  virtual std::string bytes(kv::token_id token) const = 0;
  /// True when the first token of a text carries a space that was not in the text.
  virtual bool adds_leading_space() const = 0;
  /// Of the file.
  virtual kv::hash128 hash() const = 0;
};

/// True for texts such as `<|user|>` or `[INST]`, which plain text never becomes, whatever else the tokenizer's file
/// says. Markup such as `<td>` is not among them.
bool looks_like_control(std::string_view piece);

}  // namespace chromatin::model
