#pragma once

/// How a Unigram model cuts a text: into the pieces whose scores, logarithms of their likelihoods, have the largest
/// sum. Pure; immutable once it is finished; any thread.

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::model {

class unigram {
 public:
  /// Scores are finite.
  void add(std::string text, kv::token_id token, double score) { pieces_.push_back({std::move(text), token, score}); }
  /// Behind the last add(). A character that is no piece counts as one with the score `unknown`.
  void finish(double unknown);

  /// A piece, or a character that is none.
  struct part {
    std::string_view text;
    std::optional<kv::token_id> token;
  };
  /// The parts of a text, one after the other. Of cuts that are equally good, the one found first by its begin and
  /// then by its length, as Hugging Face's library takes it. Time is the text's length times that of the longest piece
  /// that matches.
  std::vector<part> cut(std::string_view text) const;

 private:
  struct piece {
    std::string text;
    kv::token_id token;
    double score;
  };
  struct range {
    std::uint32_t begin = 0, end = 0;
  };

  /// Pieces in `among`, which agree in their first `depth` bytes, that have this byte next.
  range narrowed(range among, std::size_t depth, char byte) const;

  std::vector<piece> pieces_;  ///< sorted by text
  std::array<range, 256> by_first_byte_{};
  double unknown_ = 0;
};

}  // namespace chromatin::model
