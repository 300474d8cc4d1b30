#pragma once

/// Reads of tubes to what can be given of them, for the commands that decode.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/dna/decode_report.hpp"
#include "dna/geometry/strand.hpp"
#include "dna/reads/pipeline.hpp"
#include "io/progress.hpp"

namespace chromatin::dna {

/// One tube: how it is read, and what its store knows of it.
struct known_tube {
  /// A store, or only its partition.toml. Throws std::runtime_error where there is none.
  explicit known_tube(const std::filesystem::path& given);

  /// A directory that has a journal of its own, as the store knows it.
  struct directory {
    std::vector<leaf_run> own;
    std::uint32_t last_commit = 0;
    std::vector<block> journal;
  };

  std::filesystem::path name;
  std::unique_ptr<strand_layout> layout;
  std::unique_ptr<block_codec> codec;
  std::optional<std::uint32_t> commits;
  std::vector<block> journal;                    ///< directories and names; nothing else of a store is used
  std::map<std::string, directory> directories;  ///< with directory_journals instead; "" is the partition's journal
};

/// Adds files of reads, and two of mates where there are such. What is in a file that was cut short counts all the
/// same: the lines returned say which were.
std::vector<std::string> read_all(pipeline& reading, const std::vector<std::filesystem::path>& files,
                                  const std::vector<std::filesystem::path>& pair, io::progress_line& line);

/// Blocks of the reads, with the store's journal where theirs is not among them. `number`: of the tube's codec in the
/// pipeline; `only`: the top-level directory that is looked at, or empty.
decoded_partition decode_tube(const known_tube& from, std::size_t number, const pipeline& reading,
                              const std::string& only, io::progress_line& line);

}  // namespace chromatin::dna
