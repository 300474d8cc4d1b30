#pragma once

/// An archived conversation as a sequence of frames (docs/formats.md). DNA cannot be written to again, so each
/// archiving adds one zstd frame with what is new since the frame before, and all bytes before it stay as they are. A
/// value; one thread at a time.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "archive/fields.hpp"
#include "io/registry_store.hpp"

namespace chromatin::archive {

/// All that the registry has of a conversation besides its name, version, and the points that clients named.
struct archived_conversation {
  std::vector<io::stored_message> messages;  ///< with their exact tokens, as far as they are known
  kv::lineage window;                        ///< with what truncations left of it, and what they dropped

  bool operator==(const archived_conversation&) const = default;
};

/// The frames of one conversation, in order, and what they say. A frame has the messages that are new and the whole
/// window. It is compressed with the frames before it as its dictionary: a window is mostly the one before and its new
/// messages, so that repeating it costs some bytes, and no rule is needed for how a window may change.
class transcript {
 public:
  /// What the frames so far say; with none, an empty conversation.
  const archived_conversation& now() const { return now_; }
  std::uint32_t frames() const { return frames_; }

  /// Takes the frame that comes next. Throws frame_error, and nothing has changed, for what cannot be that: every
  /// length, count and checksum is looked at, and so is what must hold of a window.
  void take(std::span<const std::uint8_t> frame);

  /// Takes `next` as what the conversation is now, and returns the frame that says so; nothing where nothing is new.
  /// Messages at the end may have gone since (`chromatin fsck --repair` cuts back): their frames stay, and the new one
  /// says how many of them still count. Throws frame_error for more than record_bytes_max in one frame.
  std::optional<byte_string> append(const archived_conversation& next);

  /// Of one frame before compression.
  static constexpr std::size_t record_bytes_max = std::size_t{1} << 27;

 private:
  void remember(std::span<const std::uint8_t> record);

  archived_conversation now_;
  std::uint32_t frames_ = 0;
  byte_string before_;  ///< the end of all records: the next frame's dictionary
};

}  // namespace chromatin::archive
