#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dna/geometry/profile.hpp"
#include "dna/partition/recovery.hpp"

namespace chromatin::dna::wetlab {

/// What goes wrong in one trial; drawn from a seed.
struct trial_conditions {
  std::string profile = "150nt";  ///< or "150nt, outer 10%", or "poor", or "archive" with 1,024 leaves
  std::uint32_t updates = 2;      ///< commits after the first; more than three use up a block's version slots
  double coverage = 10;           ///< reads a strand, 1 to 30
  double patch_ratio = 1;         ///< concentration of what was mixed in later, a tenth to ten times
  double errors = 0.01;           ///< of bases, 0.003 to 0.15
  double chimeras = 0;            ///< share of reads, to 0.6
  double foreign = 0;             ///< share of reads of something else under the same primers, to 0.3
  std::uint32_t flank_nt = 0;     ///< on either side, at most
  std::uint32_t lost_blocks = 0;  ///< of the journal's last ones: never synthesised
  double dropout = 0;             ///< of strands
  bool counted = false;           ///< the reader knows how many commits there are
};
trial_conditions draw_conditions(std::uint64_t seed);

/// A fault of the reader that the check has to notice, or it is worth nothing.
enum class planted {
  none,
  believes,  ///< takes what it found for the newest
  corrupts,  ///< one byte of what it gives is wrong
  forgets,   ///< says nothing of the last block or file that is missing
};

/// What a reader was told wrongly. All three must be empty.
struct trial_result {
  std::vector<std::string> stale;    ///< older content as if it were current
  std::vector<std::string> wrong;    ///< content that was never there, or not at the commit named
  std::vector<std::string> unnamed;  ///< blocks that are neither given nor named as lost
  std::size_t current_files = 0, files_as_of = 0, pieces = 0, lost = 0;
};

/// Files put and updated, a tube of them, reads under these conditions, decoded and recovered as `chromatin dna decode`
/// does, and compared with what was put.
trial_result run_trial(const trial_conditions& how, std::uint64_t seed, planted fault = planted::none);

}  // namespace chromatin::dna::wetlab
