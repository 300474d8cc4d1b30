#pragma once

/// A job with what the registry has for it: what passes between the registry and the keeper.

#include "archive/job.hpp"
#include "archive/sealed_kv.hpp"
#include "archive/transcript.hpp"

namespace chromatin::archive {

/// A job with its conversation's key.
struct keyed_job {
  archive_job job;
  io::archive_key key;
};

/// A job with what its conversation says now, and the chunks that the disk has of it, where they are wanted.
struct archive_source : keyed_job {
  std::uint64_t version = 0;  ///< of the conversation
  archived_conversation said;
  std::vector<kv_chunk> kv = {};
  std::string refused = {};  ///< why these are not taken; empty: they are
};

/// What comes back of an archive.
struct recalled {
  archived_conversation said;
  std::vector<kv_chunk> kv = {};
  std::size_t kv_chunks = 0;     ///< of the window, where they are wanted
  std::string kv_left_out = {};  ///< why some are not in `kv`; may be empty
};

/// The chunks of a window that tiers may have, head first.
inline std::vector<kv::link> chunks_of(const archived_conversation& said) {
  return kv::chain(said.window, said.window.settled);
}

}  // namespace chromatin::archive
