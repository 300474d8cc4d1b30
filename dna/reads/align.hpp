#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dna/reads/primer_search.hpp"

namespace chromatin::dna {

/// A read turned into the strand's direction, without its primers and what stood outside them.
struct trimmed_read {
  std::string bases;
  bool reversed = false;       ///< the instrument had read the other strand
  int primer_edits = 0;        ///< of the primers that were found
  bool whole = true;           ///< both primers were found; otherwise bases run from one of them to where the read ends
  std::uint32_t flank_nt = 0;  ///< bases outside the primers: adapters, a poly-G tail, the next strand of a chain
  std::uint32_t begin = 0, end = 0;  ///< what it takes up of the read, primers included
  std::uint32_t inner = 0;           ///< where the bases begin in the read, once that is turned
};

/// Finds a strand's two ends in reads of either direction. Immutable: any number of threads.
class primer_locator {
 public:
  /// Both as they stand in the strand, 5' to 3': `tail` is the reverse complement of the reverse PCR primer.
  /// `inner_nt`: bases between them, 0 where that is not known. Throws std::invalid_argument where a primer is
  /// empty or longer than primer_search takes.
  primer_locator(std::string head, std::string tail, std::uint32_t inner_nt = 0);

  /// The strand in a read. Primers may stand anywhere in it: near the read's ends they are looked for first. One counts
  /// as found within a quarter of its length in edits; where the other is lost (unreadable, or the read ends before
  /// it), within an eighth, or the other within two fifths where the length tells its place. A primer of which the read
  /// has only a part is cut off too. Nothing where neither direction has one, or where both are equally good.
  std::optional<trimmed_read> locate(std::string_view read) const;

  /// Only where the read begins and ends with the primers as ordered, in either direction: most reads do, and need no
  /// alignment.
  std::optional<trimmed_read> locate_exact(std::string_view read) const;

  /// Bases that a read of the strand has, at least, with both primers.
  std::size_t strand_nt() const { return head_.size() + inner_nt_ + tail_.size(); }

 private:
  struct span;
  span find(std::string_view read) const;
  void find_by_length(std::string_view read, span& at) const;
  void cut_parts(std::string_view read, span& at) const;

  std::string head_, tail_;
  std::string turned_tail_, turned_head_;  // what a read of the other strand begins and ends with
  primer_search find_head_, find_tail_;
  std::uint32_t inner_nt_;
};

/// How many of a primer's last bases a text begins with, and how many of its first ones it ends with: what is left of a
/// primer that was cut off in part. An eighth of them may be wrong; 0 where there are none.
std::size_t leftover_before(std::string_view text, std::string_view primer);
std::size_t leftover_behind(std::string_view text, std::string_view primer);

/// Strands that stand in a read before and after one that was found, in chains of several: gives `next` each rest that
/// is long enough for another.
template <class Next>
void rests_of(std::string_view read, const trimmed_read& found, std::size_t strand_nt, Next next) {
  const auto enough = strand_nt - strand_nt / 10;
  if (found.begin >= enough) next(read.substr(0, found.begin));
  if (read.size() >= found.end + enough) next(read.substr(found.end));
}

}  // namespace chromatin::dna
