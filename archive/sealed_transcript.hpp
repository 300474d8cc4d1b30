#pragma once

/// The file `transcript` of a conversation's directory in DNA: its frames, sealed. A value; one thread at a time.

#include "archive/frames.hpp"
#include "archive/sealing.hpp"
#include "archive/transcript.hpp"

namespace chromatin::archive {

class sealed_transcript {
 public:
  /// Without a frame.
  explicit sealed_transcript(sealer key);

  /// Reads a file up to the first frame that is damaged or is not this conversation's. `damage` says which one that is;
  /// what stands before it is read.
  sealed_transcript(sealer key, std::span<const std::uint8_t> file);

  const std::optional<frame_damage>& damage() const { return damage_; }
  const transcript& said() const { return said_; }
  const byte_string& file() const { return file_; }

  /// Adds a frame at the file's end; false, and the file is the same, where nothing is new. There must be no damage.
  /// Throws frame_error as transcript::append does.
  bool append(const archived_conversation& now);

 private:
  sealer key_;
  transcript said_;
  byte_string file_;
  std::optional<frame_damage> damage_;
};

}  // namespace chromatin::archive
