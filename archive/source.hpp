#pragma once

/// A job with what the registry has for it: what passes between the registry and the keeper.

#include "archive/job.hpp"
#include "archive/transcript.hpp"

namespace chromatin::archive {

/// A job with its conversation's key.
struct keyed_job {
  archive_job job;
  io::archive_key key;
};

/// A job with what its conversation says now.
struct archive_source : keyed_job {
  std::uint64_t version = 0;  ///< of the conversation
  archived_conversation said;
};

}  // namespace chromatin::archive
