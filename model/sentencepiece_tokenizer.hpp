#pragma once

/// A SentencePiece model (`tokenizer.model`), as LLaMA, TinyLlama and Mistral come with.

#include <unordered_map>

#include "model/added_tokens.hpp"
#include "model/token_finder.hpp"
#include "model/tokenizer.hpp"

namespace chromatin::model {

class sentencepiece_tokenizer final : public tokenizer {
 public:
  /// `more` are the tokens that the folder adds, of which those from `vocabulary` on are left out. Throws load_error.
  explicit sentencepiece_tokenizer(const std::filesystem::path& file, const folder_tokens& more = {},
                                   std::uint32_t vocabulary = ~std::uint32_t{0});
  ~sentencepiece_tokenizer() override;

  std::uint32_t size() const override { return size_; }
  std::vector<kv::token_id> encode(std::string_view text, text_place place) const override;
  std::vector<std::string> controls() const override;
  std::optional<kv::token_id> find_control(std::string_view piece) const override;
  std::vector<std::string> left_out() const override { return left_out_; }
  token_margins margins(kv::token_id token) const override;
  std::string bytes(kv::token_id token) const override;
  bool adds_leading_space() const override { return adds_leading_space_; }
  kv::hash128 hash() const override { return hash_; }

 private:
  struct implementation;
  void add(const folder_tokens& more, std::uint32_t vocabulary, const std::string& where);
  std::vector<kv::token_id> encode_plain(std::string_view text, text_place place) const;

  std::unique_ptr<implementation> implementation_;
  std::unordered_map<std::string, added_token> added_;
  std::unordered_map<kv::token_id, std::string> beyond_;  ///< texts of added tokens that are no pieces
  std::vector<std::string> left_out_;
  token_finder fixed_;
  std::uint32_t size_ = 0;
  bool legacy_ = true;
  bool adds_leading_space_ = false;
  kv::hash128 hash_;
};

}  // namespace chromatin::model
