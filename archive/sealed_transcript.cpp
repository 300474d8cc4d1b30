#include "archive/sealed_transcript.hpp"

#include "kv/check.hpp"

namespace chromatin::archive {

sealed_transcript::sealed_transcript(sealer key) : key_{std::move(key)}, file_{empty_frame_file()} {}

sealed_transcript::sealed_transcript(sealer key, std::span<const std::uint8_t> file)
    : key_{std::move(key)}, file_{file.begin(), file.end()} {
  const auto list = split_frames(file_);
  damage_ = list.damage;
  for (auto frame : list.frames) {
    const auto number = said_.frames() + 1;
    try {
      said_.take(key_.open(number, frame));
    } catch (const frame_error& e) {
      damage_ = frame_damage{number, e.what()};
      return;
    }
  }
}

bool sealed_transcript::append(const archived_conversation& now) {
  CHROMATIN_CHECK(!damage_, "a transcript goes on only where it was read to its end");
  const auto frame = said_.append(now);
  if (frame) append_frame(file_, key_.seal(said_.frames(), *frame));
  return frame.has_value();
}

}  // namespace chromatin::archive
