#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::dna {

/// Reads aligned to a draft of what they say, and what they would change in it. The draft must outlive it.
class ballot {
 public:
  explicit ballot(std::string_view draft);

  /// A base counts in proportion to its quality up to Phred 20: beyond that errors of synthesis, which an instrument
  /// reads as surely as anything, outnumber its own.
  static constexpr std::uint32_t full_vote = 20;
  static std::uint32_t vote_of(char phred_and_33) {
    return static_cast<std::uint32_t>(std::clamp(phred_and_33 - 33, 1, static_cast<int>(full_vote)));
  }

  /// Aligns a read and counts it `weight` times. `doubts`: what its bases lack to `weight` full votes, or empty. False,
  /// and nothing counted, if it is more than `edits_max` away.
  bool add(std::string_view read, std::uint32_t weight, std::span<const std::uint16_t> doubts, int edits_max);

  std::uint32_t weight() const { return weight_; }

  /// What most reads say.
  std::string majority() const;
  /// The same, made `length` long: the likeliest insertions and deletions are taken, the unlikeliest not. Fills in the
  /// winning share of each base.
  std::string majority(std::size_t length, std::vector<float>& shares) const;

 private:
  std::uint32_t full() const { return weight_ * full_vote; }

  struct column {
    std::array<std::uint32_t, 4> bases{};  // instead of the draft's base
    std::uint32_t deleted = 0;
    std::array<std::uint32_t, 4> before{};  // inserted before it; only the last of several
  };
  struct change {
    double likeliness;  // of an insertion or a deletion: above 0 it has the majority
    std::size_t at;
    bool insertion;
  };
  std::vector<change> changes() const;
  static void fit(std::size_t length, std::string& made, std::vector<float>& shares);

  std::string_view draft_;
  std::vector<column> columns_;  // one more than the draft has bases
  std::uint32_t weight_ = 0;
};

}  // namespace chromatin::dna
