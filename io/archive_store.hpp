#pragma once

/// What the registry keeps of archives: the keys that they are sealed with, and the jobs under way. Part of the
/// registry store: its batches, its thread, its exceptions, and forgetting a conversation forgets its key and its jobs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "io/archive_key.hpp"
#include "kv/chunk.hpp"

namespace chromatin::io {

struct conversation_key;

/// How far a job is. The first three are of archiving, the others of recalling.
enum class archive_state : std::uint8_t {
  planned,     ///< somebody wants it archived
  ordered,     ///< it is in its tube's partition, and its strands belong to an order
  stored,      ///< it was decoded from reads of the tube: the copy on the disk may go
  asked,       ///< somebody wants it back
  sequencing,  ///< reads belong to an order
  decoded,     ///< all of it was read
  settled,     ///< it is in the registry
};
const char* to_string(archive_state state);

/// A block of a partition, by its place.
struct missing_block {
  std::uint32_t leaf = 0, version = 0;

  bool operator==(const missing_block&) const = default;
};

/// One conversation on its way into DNA or back. archive/job.hpp says what may follow what.
struct archive_job {
  std::uint64_t number = 0;  ///< from 1; given when it is added, and never again
  std::string tenant, id;    ///< of the conversation
  archive_state state = archive_state::planned;
  std::uint64_t version = 0;            ///< of the conversation that is archived
  std::string tube;                     ///< the partition's name
  std::uint32_t commit = 0;             ///< of the partition, that has it; 0: none yet
  std::string synthesis;                ///< the order that its strands belong to; empty: none yet
  std::vector<std::string> sequencing;  ///< orders of reads, the oldest first; names without a line feed
  std::uint64_t reads = 0;              ///< of these orders, and
  std::uint64_t reads_last = 0;         ///< of the last one
  std::vector<missing_block> missing;   ///< what their reads did not bring
  std::uint64_t reads_more = 0;         ///< so many more would do; 0: no number would
  std::string failure;                  ///< why it does not go on by itself; empty: it does
  std::vector<std::byte> content;       ///< the file that was decoded, until it is settled
  std::int64_t changed_s = 0;           ///< when it came to this state, seconds since 1970
  bool kv = false;                      ///< keys and values are wanted, too
  std::string note;                     ///< what became of these; may be empty

  bool operator==(const archive_job&) const = default;
};

/// Nothing is left to do for it.
inline bool is_over(const archive_job& job) {
  return job.state == archive_state::stored || job.state == archive_state::settled;
}

/// Whether the copy on the disk may go: only of an archive that was read back, and only if nothing was said since.
inline bool copy_may_go(const archive_job& job, std::uint64_t version_now) {
  return job.state == archive_state::stored && job.version == version_now;
}

struct archive_job_list {
  std::vector<archive_job> jobs;       ///< by number
  std::vector<std::uint64_t> damaged;  ///< numbers of those that are not what was written
};

class archive_store {
 public:
  virtual ~archive_store() = default;

  /// Throws damaged_conversation for a key that is not what was written.
  virtual std::optional<archive_key> find_key(const conversation_key& key) = 0;
  /// The conversation's key: `fresh` from now on, unless it has one already.
  virtual archive_key keep_key(const conversation_key& key, const archive_key& fresh) = 0;

  /// Returns the job's number.
  virtual std::uint64_t add(const archive_job& job) = 0;
  /// What the job of this number is now; false if there is none any more, since its conversation was forgotten.
  virtual bool put(const archive_job& job) = 0;
  virtual void remove(std::uint64_t number) = 0;
  /// Throws damaged_conversation.
  virtual std::optional<archive_job> find(std::uint64_t number) = 0;
  virtual archive_job_list jobs() = 0;
  /// At most so many that are stored, and numbered above `after`, of conversations that are not here and on no way
  /// back.
  virtual archive_job_list archived(std::uint64_t after, std::uint32_t count_max) = 0;
  virtual archive_job_list jobs_of(const conversation_key& key) = 0;

  /// Takes a conversation's messages and window from the disk; its chunks' list, points, key and jobs stay. Only if
  /// there is a job of it that is stored with the version that the conversation has: otherwise nothing, and all stays.
  /// Answers with the chunks that no conversation of the tenant has which is still here. Whoever calls holds the
  /// conversation's lease.
  virtual std::optional<std::vector<kv::chunk_key>> drop_copy(const conversation_key& key) = 0;
};

}  // namespace chromatin::io
