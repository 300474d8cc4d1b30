#pragma once

/// Byte-level BPE (`tokenizer.json`), as Llama 3, Qwen2 and SmolLM come with: a text is cut into parts by regular
/// expressions, a part's bytes are tokens, and those are merged.

#include <array>
#include <unordered_map>

#include "model/byte_pairs.hpp"
#include "model/split_pattern.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer_json.hpp"

namespace chromatin::model {

class byte_level_tokenizer final : public tokenizer {
 public:
  /// Throws load_error that names what in the file is wrong or not supported.
  explicit byte_level_tokenizer(const std::filesystem::path& file);

  std::uint32_t size() const override { return static_cast<std::uint32_t>(pieces_.size()); }
  /// Tokens that were added to the vocabulary, are not special and do not look like control tokens are found in texts
  /// as the file says; the other added tokens never. A byte that the vocabulary has no token for reads as U+FFFD.
  std::vector<kv::token_id> encode(std::string_view text) const override;
  std::vector<std::string> controls() const override;
  std::optional<kv::token_id> find_control(std::string_view piece) const override;
  std::string bytes(kv::token_id token) const override { return token < size() ? pieces_[token] : std::string{}; }
  bool adds_leading_space() const override { return add_prefix_space_; }
  kv::hash128 hash() const override { return hash_; }

 private:
  /// Texts that are tokens wherever they stand, longest first.
  using fixed_tokens = std::vector<std::pair<std::string, kv::token_id>>;
  using ids_by_text = std::unordered_map<std::string, kv::token_id>;

  void read_added(const tokenizer_json& file, const ids_by_text& ids, const std::string& where);
  void read_bytes(const ids_by_text& ids, const std::string& where);
  void read_merges(const tokenizer_json& file, const ids_by_text& ids, const std::string& where);
  bool is_control(kv::token_id token) const { return control_[token]; }
  void encode_normalized(std::string_view text, std::vector<kv::token_id>& ids) const;
  void encode_part(std::string_view part, std::vector<kv::token_id>& ids) const;

  std::vector<std::string> pieces_;  ///< bytes of each token
  std::vector<bool> control_;        ///< tokens that no text becomes
  std::unordered_map<std::string, kv::token_id> added_;
  fixed_tokens fixed_, fixed_normalized_;
  std::array<std::vector<kv::token_id>, 256> bytes_;
  byte_pairs pairs_;
  std::unordered_map<std::string_view, kv::token_id> whole_;  ///< parts that are tokens as they are; views of pieces_
  std::vector<std::pair<split_pattern, bool>> cuts_;          ///< with `keep_rest`
  bool compose_ = false, add_prefix_space_ = false;
  kv::hash128 hash_;
};

}  // namespace chromatin::model
