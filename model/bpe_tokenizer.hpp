#pragma once

/// Byte pair encoding, of either kind: over bytes, as Llama 3, Qwen and SmolLM come with, or over characters with bytes
/// for those that are no piece, as Llama 2, Mistral and Gemma do. A text is normalised and cut into parts; a part's
/// bytes or characters are tokens, and those are merged. Of a Unigram model a part is cut into its likeliest pieces,
/// instead.

#include <array>
#include <unordered_map>

#include "model/byte_pairs.hpp"
#include "model/normalizer.hpp"
#include "model/text_cuts.hpp"
#include "model/token_finder.hpp"
#include "model/tokenizer.hpp"
#include "model/unigram.hpp"

namespace chromatin::model {

class bpe_tokenizer final : public tokenizer {
 public:
  /// Throws load_error that names what in the file is wrong or not supported.
  explicit bpe_tokenizer(tokenizer_parts parts);

  std::uint32_t size() const override { return static_cast<std::uint32_t>(pieces_.size()); }
  /// Tokens that were added to the vocabulary, are not special and do not look like control tokens are found in texts
  /// as the file says; the other added tokens never. A byte that the vocabulary has no token for reads as U+FFFD where
  /// tokens are bytes.
  std::vector<kv::token_id> encode(std::string_view text, text_place place) const override;
  std::vector<std::string> controls() const override;
  std::optional<kv::token_id> find_control(std::string_view piece) const override;
  std::vector<std::string> left_out() const override { return left_out_; }
  token_margins margins(kv::token_id token) const override;
  std::string bytes(kv::token_id token) const override { return token < size() ? pieces_[token] : std::string{}; }
  bool adds_leading_space() const override { return normalizer_.adds_space() || cuts_.adds_space(); }
  kv::hash128 hash() const override { return hash_; }
  bool is_unigram() const { return likeliest_.has_value(); }

 private:
  using ids_by_text = std::unordered_map<std::string, kv::token_id>;

  void read_vocabulary(const tokenizer_parts& parts, ids_by_text& ids);
  void read_added(const tokenizer_parts& parts, const ids_by_text& ids);
  void read_bytes(const tokenizer_parts& parts, const ids_by_text& ids);
  void read_characters(const tokenizer_parts& parts);
  void read_merges(const tokenizer_parts& parts, const ids_by_text& ids);
  void read_scores(const tokenizer_parts& parts, const ids_by_text& ids);
  void read_likelihoods(const tokenizer_parts& parts);
  bool no_text_becomes(kv::token_id token) const { return control_[token]; }
  void encode_normalized(std::string_view text, text_place place, std::vector<kv::token_id>& ids) const;
  void encode_part(std::string_view part, std::vector<kv::token_id>& ids) const;
  std::vector<kv::token_id> spelled(std::string_view part) const;
  std::vector<kv::token_id> likeliest(std::string_view part) const;

  std::vector<std::string> pieces_;  ///< bytes of each token
  std::vector<bool> control_;        ///< tokens that no text becomes
  std::unordered_map<std::string, added_token> added_;
  std::vector<std::string> left_out_;
  token_finder fixed_, fixed_normalized_;
  bool over_bytes_ = true;
  std::array<std::vector<kv::token_id>, 256> bytes_;       ///< a byte's tokens
  std::unordered_map<char32_t, kv::token_id> characters_;  ///< of pieces of one character
  std::optional<kv::token_id> unknown_;
  bool fuse_unknown_ = false;
  byte_pairs pairs_;
  std::optional<unigram> likeliest_;                     ///< in place of pairs
  std::unordered_map<std::string, kv::token_id> whole_;  ///< parts that are tokens as they are
  normalizer normalizer_;
  text_cuts cuts_;
  kv::hash128 hash_;
};

}  // namespace chromatin::model
