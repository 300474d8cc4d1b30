#pragma once

/// What is done to a text before it is cut.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/charsmap.hpp"
#include "model/split_pattern.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {

/// Immutable after construction; any thread.
class normalizer {
 public:
  normalizer() = default;
  /// Throws load_error for a pattern or a table that cannot be read.
  explicit normalizer(std::vector<normalizer_step> steps);

  bool changes() const { return !steps_.empty(); }
  /// `first`: the text has its beginning here and is not the rest of one, so that something may be put before it.
  std::string operator()(std::string_view text, bool first) const;
  /// A text, taken as the beginning of one, is given a space that was not in it.
  bool adds_space() const;

 private:
  struct made_step {
    normalizer_step is;
    std::optional<split_pattern> pattern;
    std::optional<charsmap> table;
  };
  std::vector<made_step> steps_;
};

}  // namespace chromatin::model
