#pragma once

/// The file `kv` of a conversation's directory in DNA (docs/formats.md): its chunks of keys and values as the disk tier
/// has them, a sealed frame for each. A chunk's key is a hash of all that its bytes depend on, so that one that is
/// there stays as it is, and what comes later is appended. A value; one thread at a time.

#include <map>
#include <memory>

#include "archive/frames.hpp"
#include "archive/sealing.hpp"
#include "kv/lineage.hpp"
#include "kv/page.hpp"

namespace chromatin::archive {

/// What chunks are of.
struct served_cache {
  kv::geometry geometry;
  kv::fingerprint model;  ///< and its element type: of the cache that the disk tier has
};

struct kv_chunk {
  kv::link link;
  std::uint32_t depth = 0;
  std::shared_ptr<const std::vector<std::uint64_t>> checksums;  ///< one per layer
  kv::page_ref page;                                            ///< its bytes in packed form
};

/// Chunks out of an archive, and why others do not come.
struct taken_kv {
  std::vector<kv_chunk> chunks;
  std::size_t absent = 0;       ///< not in the archive
  std::size_t of_others = 0;    ///< another model computed them
  std::size_t not_as_kept = 0;  ///< their bytes do not match their checksums
};

class sealed_kv {
 public:
  /// Without a frame.
  sealed_kv(const io::archive_key& key, const io::conversation_key& conversation);
  /// Reads a file up to the first frame that is damaged or is not this conversation's, as sealed_transcript does.
  sealed_kv(const io::archive_key& key, const io::conversation_key& conversation, std::span<const std::uint8_t> file);

  const std::optional<frame_damage>& damage() const { return damage_; }
  const byte_string& file() const { return file_; }

  /// Adds those that are not there, and returns how many. There must be no damage.
  std::size_t append(std::span<const kv_chunk> chunks, const served_cache& of);
  /// Those of these that this cache can have, into pages of an arena of their own.
  taken_kv take(std::span<const kv::link> wanted, const served_cache& into) const;

 private:
  struct record {
    kv::fingerprint model;
    std::uint32_t fill = 0, depth = 0;
    std::vector<std::uint64_t> checksums;
    std::string bytes;
  };
  void read(std::span<const std::uint8_t> frame);
  static byte_string frame_of(const kv::chunk_key& key, const record& one);

  sealer key_;
  byte_string file_;
  std::uint32_t frames_ = 0;
  std::map<kv::chunk_key, record> records_;
  std::optional<frame_damage> damage_;
};

}  // namespace chromatin::archive
