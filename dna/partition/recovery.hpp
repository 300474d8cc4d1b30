#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dna/partition/partition.hpp"

namespace chromatin::dna {

/// What is known of the last commit of a directory that has a journal of its own.
struct directory_knowledge {
  std::optional<std::uint32_t> last_commit;  ///< its last, as its store has it
  std::string doubt;                         ///< why the reads do not show it; looked at where that does not say
};

/// What is known of a tube's last commit besides the blocks that were decoded.
struct commit_knowledge {
  /// As its store counts them: then the last one is known.
  std::optional<std::uint32_t> commits;
  /// Why the reads do not show that nothing follows the last commit that was decoded; empty where they do
  /// (doubt_of_end). Looked at where `commits` does not say.
  std::string doubt;
  /// With directory_journals: by directory, and "" for the partition's journal. What is not here is in doubt, unless
  /// `commits` says that everything later was read.
  std::map<std::string, directory_knowledge> directories{};
};

/// Something to write.
struct recovered {
  std::string name;  ///< below the output folder; says what is not current: NAME.as-of-commit-1
  byte_string content;
  bool current = false;
};

/// A block of a file's last commit that is not there.
struct lost_block {
  std::string path;
  std::size_t block = 0;  ///< its number in the file
  block_id id;            ///< the first of its versions that is missing
};

/// How far a journal was read. Of a directory, or "".
struct journal_reading {
  std::string directory;
  std::uint32_t commit = 0;  ///< the last of it
  std::string doubt;         ///< why there may be, or are, later ones; empty: there are none
};

/// What can be given of a tube, and what not. Content is under its own name only where it is known to be current.
struct recovery {
  std::uint32_t commit = 0;               ///< the last that was read
  std::string doubt;                      ///< why there may be, or are, later ones; empty: there are none
  std::vector<journal_reading> journals;  ///< one, or with directory_journals those that were read
  std::vector<recovered> files;           ///< whole, and current or as of a commit
  std::vector<recovered> pieces;  ///< NAME.block-N (NAME.zst.block-N of a compressed one), and LEAF.version-V for
                                  ///< blocks that no journal tells the file of
  std::vector<lost_block> lost;
  std::size_t restored = 0;            ///< blocks that were missing and made up for
  std::vector<std::string> unread;     ///< files without a single block that was read
  std::vector<std::string> held_back;  ///< files whose own name is not written: not whole, or not known to be current
};

/// `only`: the top-level directory to look at, with directory_journals; empty: all that was read.
recovery recover(const partition& found, const commit_knowledge& known, std::string_view only = {});

}  // namespace chromatin::dna
