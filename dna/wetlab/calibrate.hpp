#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace chromatin::dna {

/// What a channel did to the strands that were ordered, counted. Rates are shares of reference bases, dropout of
/// strands.
struct calibration {
  std::uint64_t reads = 0;
  std::uint64_t unassigned = 0;  ///< no reference within 3/10 of its length in edits, or two equally near
  std::uint64_t trimmed = 0;     ///< reads with bases outside the strand, which were cut off
  std::uint64_t trimmed_nt = 0;  ///< of those, in all
  std::string adapter;           ///< that was seen in one of them
  std::uint64_t reversed = 0;
  std::uint64_t perfect = 0;
  std::uint64_t bases = 0;  ///< reference bases that assigned reads cover
  std::uint64_t substitutions = 0, deletions = 0, insertions = 0;
  std::array<std::array<std::uint64_t, 4>, 4> confusion{};  ///< [reference base][read base], A C G T
  std::array<std::uint64_t, 4> deleted{}, inserted{};       ///< by base
  std::vector<std::uint64_t> errors_at;                     ///< by position in the reference
  std::vector<std::uint32_t> coverage;                      ///< assigned reads of each reference

  double substitution_rate() const;
  double deletion_rate() const;
  double insertion_rate() const;
  double reversed_share() const;  ///< of assigned reads
  double perfect_share() const;   ///< of assigned reads
  double mean_coverage() const;
  double unseen_share() const;        ///< references without a read
  double coverage_variation() const;  ///< standard deviation over mean
  /// Share of references that are not in the tube at all: what is unseen beyond what copy numbers explain.
  double dropout() const;
  /// The variation of copy numbers of those that are: what is left after the chance of sampling (Poisson) is taken out.
  double copy_number_variation() const;
  /// References that stay unseen at another depth: those that dropped out, and as many of the others as there are if
  /// their copy numbers follow a gamma distribution with that variation.
  double unseen_share_at(double reads_per_strand) const;
};

/// A few strands in a thousand lose long runs of bases. Where the line is drawn between a damaged strand and none at
/// all moves the deletion rate, and it alone: on the LCRC pool 0.113 % at 1/4 of the length, 0.130 % at 3/10 (the line
/// here), 0.148 % at 1/3, 0.189 % at 1/2.
///
/// Compares reads with the strands they should be. Memory is that of the references, whatever the number of reads.
class calibrator {
 public:
  /// Throws std::invalid_argument where there are none, or one is empty.
  explicit calibrator(std::vector<std::string> references);

  /// Takes a read of either direction. What stands outside the strand (adapters, a tail) is cut off first, as long as
  /// the strand's own ends are found. Says which reference it is a read of.
  std::optional<std::uint32_t> add(std::string_view read);

  const calibration& result() const { return result_; }

 private:
  struct match;
  void vote(std::string_view read, bool reversed, std::vector<match>& candidates) const;
  match nearest(std::string_view read, std::string_view turned) const;
  std::string_view within(std::string_view read, std::string_view reference);
  void count(std::string_view read, std::size_t reference);

  std::vector<std::string> references_;
  std::unordered_map<std::string_view, std::uint32_t> whole_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> seeds_;
  calibration result_;
};

}  // namespace chromatin::dna
