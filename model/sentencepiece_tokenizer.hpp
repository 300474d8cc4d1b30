#pragma once

/// A SentencePiece model (`tokenizer.model`), as LLaMA, TinyLlama and Mistral come with.

#include "model/tokenizer.hpp"

namespace chromatin::model {

class sentencepiece_tokenizer final : public tokenizer {
 public:
  /// Throws load_error.
  explicit sentencepiece_tokenizer(const std::filesystem::path& file);
  ~sentencepiece_tokenizer() override;

  std::uint32_t size() const override;
  std::vector<kv::token_id> encode(std::string_view text) const override;
  std::vector<std::string> controls() const override;
  std::optional<kv::token_id> find_control(std::string_view piece) const override;
  std::string bytes(kv::token_id token) const override;
  bool adds_leading_space() const override { return adds_leading_space_; }
  kv::hash128 hash() const override { return hash_; }

 private:
  struct implementation;
  std::unique_ptr<implementation> implementation_;
  bool adds_leading_space_ = false;
  kv::hash128 hash_;
};

}  // namespace chromatin::model
