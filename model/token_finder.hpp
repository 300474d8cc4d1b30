#pragma once

/// Finds the tokens that stand in a text as they are: the leftmost first, and of several there the longest.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/split_pattern.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {

/// Immutable once all are added; any thread.
class token_finder {
 public:
  struct found {
    text_range at;                      ///< with the white space that the token takes
    std::optional<kv::token_id> token;  ///< none: plain text
  };

  /// `content` may differ from the token's own, which is as the file has it.
  void add(const std::string& content, const added_token& token);
  /// The text from its beginning to its end; none is empty.
  std::vector<found> find(std::string_view text) const;

 private:
  /// The longest token that `text` begins with.
  const added_token* at_front(std::string_view text, std::size_t& bytes) const;

  std::unordered_map<std::string, added_token> tokens_;  ///< by what is looked for
  std::array<std::vector<std::uint32_t>, 256> lengths_;  ///< of those that begin with this byte, the longest first
};

}  // namespace chromatin::model
