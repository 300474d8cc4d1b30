#pragma once

/// Frames are sealed before they become DNA (docs/formats.md): nobody erases a molecule that somebody has a copy of.
/// Once the key is gone, and it is nowhere but in the registry, what is in the tubes says nothing.

#include <functional>
#include <string>
#include <string_view>

#include "archive/fields.hpp"
#include "archive/frames.hpp"
#include "io/archive_key.hpp"
#include "io/registry_store.hpp"

namespace chromatin::archive {

/// Fills bytes with randomness that nobody can guess.
using byte_source = std::function<void(std::span<std::byte>)>;
byte_source system_randomness();

io::archive_key new_key(const byte_source& random = system_randomness());

/// What the conversation's directory in a partition is called: 32 hexadecimal digits. A partition's journal is not
/// sealed, so that the conversation's own name must not stand there.
std::string directory_of(const io::archive_key& key);
/// Its files there.
inline std::string transcript_path(const io::archive_key& key) { return directory_of(key) + "/transcript"; }
inline std::string kv_path(const io::archive_key& key) { return directory_of(key) + "/kv"; }

/// Seals and opens the frames of one conversation: XChaCha20-Poly1305. Immutable: any number of threads.
///
/// The nonce is a keyed hash of the frame and its place, and stands before what is sealed. So a frame that is sealed
/// again after a crash is the same bytes, which cost no molecule; and another frame in the same place, as when the
/// conversation went on before its order was sent, has another nonce. A counter would be used twice then, and so would
/// the state of a stream that is continued, for bytes that both may be in a tube.
class sealer {
 public:
  /// `file`: which of the conversation's; empty: its transcript. What is sealed as one's cannot be opened as another's.
  sealer(const io::archive_key& key, const io::conversation_key& conversation, std::string_view file = {});

  /// `number` counts the conversation's frames from 1.
  byte_string seal(std::uint32_t number, std::span<const std::uint8_t> frame) const;
  /// Throws frame_error unless this is what was sealed, with this key, as that frame of that conversation of that
  /// tenant.
  byte_string open(std::uint32_t number, std::span<const std::uint8_t> sealed) const;

  /// By how much a frame grows.
  static constexpr std::size_t nonce_bytes = 24, tag_bytes = 16;

 private:
  using subkey = std::array<std::uint8_t, 32>;
  byte_string place_of(std::uint32_t number) const;

  subkey encryption_{}, nonces_{};
  byte_string place_;  ///< of all frames: what the key says, tenant, conversation and file
};

/// Gives `take` the frames of a file, opened, up to the first that is damaged, is not this conversation's, or at which
/// `take` throws frame_error: that one is returned.
std::optional<frame_damage> open_frames(const sealer& key, std::span<const std::uint8_t> file,
                                        const std::function<void(const byte_string&)>& take);

}  // namespace chromatin::archive
