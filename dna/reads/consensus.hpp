#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::dna {

class ballot;

/// What the reads of one molecule agree on.
struct consensus {
  std::string bases;                ///< of the length asked for; empty where there is no read
  std::vector<float> confidence;    ///< of each base, 0 to 1: its share of the votes, less where there are few
  std::uint32_t reads = 0;          ///< that took part
  std::uint32_t foreign_reads = 0;  ///< that are of something else: misprimed copies, misread indexes
};

/// The reads of one molecule, each kind of read once and counted. Reads without errors cost a comparison; memory is
/// bounded by `kinds_max`: later kinds are only counted, while reads of known kinds go on voting. One thread at a time.
class molecule_reads {
 public:
  static constexpr std::size_t kinds_max = 40;

  /// A payload as it was read: damaged, of any length up to 65,535 (beyond that it is cut), N for unreadable bases.
  /// `quality`: as long, Phred + 33, or empty where every base is sure; a base counts as ballot::vote_of says.
  void add(std::string_view payload, std::string_view quality = {});

  std::uint32_t reads() const { return reads_; }
  bool empty() const { return reads_ == 0; }

  /// Calls use(payload, count) for every kind of read that is kept.
  template <class Use>
  void for_each_kind(Use use) const {
    for (const auto& one : kinds_) use(bases(one), one.count);
  }

  /// Goes on without the kinds of which `is_foreign` says so, given a payload. True where there were such. Reads beyond
  /// the kinds that are kept go, too.
  template <class Foreign>
  bool set_aside(Foreign is_foreign) {
    if (std::erase_if(kinds_, [&](const kind& one) { return is_foreign(bases(one)); }) == 0) return false;
    reads_ = 0;
    for (const auto& one : kinds_) reads_ += one.count;
    return true;
  }

  /// The largest group of reads that are alike (within a quarter of their length in edits), aligned to each other and
  /// voted on base by base; what is then too long or too short loses or gains the bases that reads agree on least.
  consensus call(std::size_t length) const;

  /// The same by what is known of the molecule already: reads are aligned to `draft`, of the length asked for, with N
  /// where nothing is known. Tells on which side of a known base a read has lost or gained one.
  consensus call_against(std::string_view draft) const;

 private:
  struct kind {
    std::uint32_t begin;
    std::uint16_t length;
    std::uint32_t mark;  // hash of the bases: nearly always tells two kinds apart
    std::uint32_t count;
    bool doubted = false;  // some of its bases count less: doubts_ has how much
  };
  struct group;
  group largest_group(const std::vector<kind>& order, std::uint32_t all, int near) const;
  std::string_view bases(const kind& one) const { return std::string_view{text_}.substr(one.begin, one.length); }
  void doubt(kind& one, std::string_view quality);
  bool vote(const kind& one, ballot& on, int edits_max) const;

  std::string text_;  // of all kinds, one after the other
  // What is lacking to full votes, base by base of the text; empty where nothing ever was.
  std::vector<std::uint16_t> doubts_;
  std::vector<kind> kinds_;
  std::uint32_t reads_ = 0;
};

}  // namespace chromatin::dna
