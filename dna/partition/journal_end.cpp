#include "dna/partition/journal_end.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace chromatin::dna {
namespace {

/// An update may have been mixed in at this share of the concentration of what is there.
constexpr double concentration_min = 0.1;
/// So many reads expected of a block, and none there, is no chance: less than one in ten thousand even where copy
/// numbers vary by four fifths of their mean, and the block that the commit changed would have to be unread as well.
constexpr double expected_min = 9;
/// Unexplained reads below this share of a block's usual number are noise.
constexpr double noise_share = 0.02;

/// Reads that a place has by chance, where so many are spread over so many places alike: almost never more.
double background_of(std::uint64_t reads, std::uint64_t places) {
  const double mean = static_cast<double>(reads) / static_cast<double>(std::max<std::uint64_t>(places, 1));
  return mean + 4 * std::sqrt(mean);
}

double agreeing(const block_outcome& one) { return static_cast<double>(one.reads - one.foreign_reads); }

}  // namespace

std::string doubt_of_end(const partition& found, std::span<const block_outcome> outcomes, std::string_view directory) {
  const auto journal = found.journals().find(directory);
  if (journal == found.journals().end()) return "the journal was not among the reads: commits are not known";
  const auto& of = journal->second;
  // What nobody tells the directory of may be of one that the partition's journal is to tell of.
  const auto concerns = [&](std::uint32_t leaf) {
    return of.owns(leaf) || (!of.of_directory() && !found.is_claimed(leaf));
  };
  std::uint64_t places = 0, unexplained = 0;
  for (const auto& run : of.own()) places += std::uint64_t{run.count} * found.description().geometry.versions();
  std::vector<double> reads;
  double of_journal = -1;  // the most that a block of it has
  for (const auto& one : outcomes) {
    if (!of.owns(one.id.leaf)) continue;
    unexplained += one.unexplained_reads;
    if (!one.decoded) continue;
    reads.push_back(agreeing(one));
    if (is_of_journal(one.decoded->kind)) of_journal = std::max(of_journal, agreeing(one));
  }
  if (reads.empty() || of_journal < 0) return "the journal was not among the reads: commits are not known";
  const auto middle = reads.begin() + static_cast<std::ptrdiff_t>(reads.size() / 2);
  std::nth_element(reads.begin(), middle, reads.end());
  const double usual = std::min(*middle, of_journal);
  const auto next = of.next();
  const double background = of.of_directory() ? background_of(unexplained, places) : 0;
  const double noise = std::max(1.0, noise_share * usual) + background;
  for (const auto& one : outcomes)
    if (!one.decoded && static_cast<double>(one.unexplained_reads) > noise && concerns(one.id.leaf))
      return fmt::format("{} reads are of {}, which was not decoded: a commit after {} may have written it",
                         one.unexplained_reads, text_of(one.id), of.last_commit());
  const double expected = expected_min + background;
  if (!next || usual * concentration_min >= expected) return {};
  return fmt::format(
      "with {:.0f} reads a block nothing shows that commit {} is the last: {:.0f} reads a block would, or a store or "
      "its "
      "partition.toml that counts the commits, or --commits",
      usual, of.last_commit(), expected / concentration_min);
}

}  // namespace chromatin::dna
