#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chromatin::dna {

/// A read turned into the strand's direction, without its primers.
struct trimmed_read {
  std::string bases;
  bool reversed = false;  ///< the instrument had read the other strand
  int primer_edits = 0;   ///< of the primers that were found
  bool whole = true;      ///< both primers were found; otherwise bases run from one of them to where the read ends
};

/// Finds a strand's two ends in reads of either direction. Immutable: any number of threads.
class primer_locator {
 public:
  /// Both as they stand in the strand, 5' to 3': `tail` is the reverse complement of the reverse PCR primer.
  /// Throws std::invalid_argument where one is empty.
  primer_locator(std::string head, std::string tail);

  /// A primer counts as found within a quarter of its length in edits; where the other is lost (cut off in synthesis,
  /// or unreadable), within an eighth. Nothing where neither direction has one, or where both are equally good.
  std::optional<trimmed_read> locate(std::string_view read) const;

  /// Only where the read begins and ends with the primers as ordered, in either direction: most reads do, and need no
  /// alignment.
  std::optional<trimmed_read> locate_exact(std::string_view read) const;

 private:
  struct span;
  span find(std::string_view read) const;

  std::string head_, tail_;
  std::string turned_tail_, turned_head_;  // what a read of the other strand begins and ends with
};

}  // namespace chromatin::dna
