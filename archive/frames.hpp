#pragma once

/// The bytes of the files `transcript` and `kv` (docs/formats.md): a head, then frame after frame, each with its length
/// and a checksum. What a frame holds is not this file's business.

#include <optional>
#include <string>

#include "archive/fields.hpp"

namespace chromatin::archive {

/// Why reading stopped.
struct frame_damage {
  std::uint32_t frame = 0;  ///< from 1; 0: the file's head
  std::string reason;       ///< one line, without the number

  bool operator==(const frame_damage&) const = default;
};

/// "frame 3 of the transcript is damaged: …", "the transcript's head is damaged: …".
std::string to_string(const frame_damage& damage, std::string_view file = "transcript");

/// A file without frames.
byte_string empty_frame_file();
/// To a file that was read to its end: as its frame of that number, from 1.
void append_frame(byte_string& file, std::uint32_t number, std::span<const std::uint8_t> frame);

/// Frames up to the first that is not what was written. What follows that one is not looked at: nothing behind a length
/// that may be wrong is known to be a frame.
struct frame_list {
  std::vector<std::span<const std::uint8_t>> frames;  ///< parts of the file, which must outlive them
  std::optional<frame_damage> damage;
};
frame_list split_frames(std::span<const std::uint8_t> file);

}  // namespace chromatin::archive
