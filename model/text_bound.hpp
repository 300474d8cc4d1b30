#pragma once

/// How many tokens a text has at least, told without a tokenizer: a text that no window has room for need not be turned
/// into tokens. Immutable; any thread.

#include <array>
#include <string_view>

#include "model/tokenizer.hpp"

namespace chromatin::model {

class text_bound {
 public:
  text_bound() = default;
  explicit text_bound(const tokenizer& words);

  /// 0 where nothing can be said.
  std::size_t tokens_at_least(std::string_view text) const;

 private:
  std::array<bool, 256> counts_{};  ///< bytes that no normalization drops and that stand for themselves
  std::size_t longest_token_bytes_ = 1;
};

}  // namespace chromatin::model
