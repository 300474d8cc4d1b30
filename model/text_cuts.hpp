#pragma once

/// How a normalised text is cut into the parts that are turned into tokens one by one.

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/split_pattern.hpp"
#include "model/tokenizer.hpp"
#include "model/tokenizer_parts.hpp"

namespace chromatin::model {

/// Immutable after construction; any thread.
class text_cuts {
 public:
  text_cuts() = default;
  /// Throws load_error for a pattern that cannot be read.
  explicit text_cuts(std::vector<cut_step> steps);

  /// The parts of a text, in order; none is empty. They point into `text` and into `made`, which holds those that were
  /// changed. `place`: where the text begins.
  std::vector<std::string_view> operator()(std::string_view text, text_place place,
                                           std::deque<std::string>& made) const;
  /// The first part of a text is given a space that was not in it.
  bool adds_space() const;

 private:
  std::vector<std::pair<cut_step, std::optional<split_pattern>>> steps_;
};

}  // namespace chromatin::model
