#pragma once

/// What travels between registry, archivist and keeper: a part of actors/messages.hpp.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>

#include "actors/client_values.hpp"
#include "actors/talk.hpp"
#include "archive/schedule.hpp"
#include "archive/source.hpp"
#include "kv/chunk.hpp"

namespace chromatin {

using io::archive_job;
using job_list = std::vector<archive_job>;
using lab_answers = std::vector<archive::lab_answer>;
using keyed_jobs = std::vector<archive::keyed_job>;
using archive_sources = std::vector<archive::archive_source>;
using recalled_conversation = std::shared_ptr<const archive::recalled>;

/// What a turn on a conversation that is in DNA does.
enum class archived_turn : std::uint8_t {
  reject,  ///< it is refused
  ticket,  ///< it is refused, and the recall begins: the error says which it is, and how far
  wait,    ///< the recall begins, and the turn runs when it is there
};

using conversation_refs = std::vector<conversation_ref>;

/// What of the archive a registry has that is not at its end.
struct archive_book {
  job_list unfinished;
  job_list copies;  ///< stored, and the copy is still on the disk
};

/// A conversation's copy on the disk.
struct copy_dropped {
  bool gone = false;                  ///< else it had to stay
  std::vector<kv::chunk_key> chunks;  ///< that no conversation of the tenant has which is still here
};

}  // namespace chromatin

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive::keyed_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive::schedule_view)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive_book)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive_sources)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive_ticket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::archive_tickets)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::conversation_refs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::copy_dropped)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::job_list)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::keyed_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::lab_answers)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(chromatin::recalled_conversation)
