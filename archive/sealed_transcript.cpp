#include "archive/sealed_transcript.hpp"

#include "kv/check.hpp"

namespace chromatin::archive {

sealed_transcript::sealed_transcript(sealer key) : key_{std::move(key)}, file_{empty_frame_file()} {}

sealed_transcript::sealed_transcript(sealer key, std::span<const std::uint8_t> file)
    : key_{std::move(key)}, file_{file.begin(), file.end()} {
  damage_ = open_frames(key_, file_, [this](const byte_string& frame) { said_.take(frame); });
}

bool sealed_transcript::append(const archived_conversation& now) {
  CHROMATIN_CHECK(!damage_, "a transcript goes on only where it was read to its end");
  const auto frame = said_.append(now);
  if (frame) append_frame(file_, said_.frames(), key_.seal(said_.frames(), *frame));
  return frame.has_value();
}

}  // namespace chromatin::archive
