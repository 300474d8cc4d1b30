#pragma once

/// What `chromatin dna decode` says: of the reads, of blocks, of what could not be given.

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "apps/dna/status.hpp"
#include "dna/partition/recovery.hpp"
#include "dna/reads/pipeline.hpp"

namespace chromatin::dna {

/// One partition of a decoding.
struct decoded_partition {
  std::filesystem::path out;
  std::vector<block_outcome> outcomes;
  recovery found;
  std::vector<std::string> left_over;  ///< under names that were held back: of an earlier decoding, say
  bool own_journal = false;            ///< read, not the store's
  bool store_journal = false;          ///< the store has one
  bool directory_journals = false;     ///< found.journals are several
};

/// What a missing block would take, judged by the reads of the blocks that decoded.
struct more_reads {
  std::uint64_t have = 0;
  std::uint64_t of_it = 0;    ///< more of this block
  std::uint64_t of_tube = 0;  ///< more of the tube as it is, to have that many of it; 0: cannot be told
  std::string reason;
};
more_reads more_reads_for(const block_id& id, const std::vector<block_outcome>& outcomes, std::uint64_t sorted);

/// A file whose parts are in several partitions.
struct joined_file {
  std::string path;
  std::string reason;  ///< why it could not be joined; empty: it was written
};

status status_of(const std::vector<decoded_partition>& all, const std::vector<joined_file>& joined, bool reads_damaged);

/// Why reads were set aside, as far as they tell; one line each.
std::vector<std::string> remarks(const read_counts& counts);

nlohmann::ordered_json report(const read_counts& counts, const std::vector<decoded_partition>& all,
                              const std::vector<joined_file>& joined, const std::vector<std::string>& damaged,
                              status how);
void print(const read_counts& counts, const std::vector<decoded_partition>& all,
           const std::vector<joined_file>& joined);

}  // namespace chromatin::dna
