#pragma once

/// Chunks that a tier is being given layer by layer. Bookkeeping without an actor: which layers have come, with what
/// checksums, and whether all did. A saver may begin a chunk again; copies of the earlier attempt do not count then.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "actors/actors.hpp"
#include "gpu/copy_engine.hpp"

namespace chromatin {

class incoming_chunks {
 public:
  /// A chunk that is whole, or that will never be (`failed`).
  struct ended {
    chunk what;  ///< in a page of the tier; with checksums unless it failed
    upper_tier_actor upper;
    bool failed = false;
  };

  /// Layers of some chunks that are copied together.
  struct copy {
    std::vector<std::pair<kv::chunk_key, std::uint64_t>> attempts;
    std::uint32_t layer_begin = 0, layer_end = 0;
    std::vector<gpu::slice_copy> slices;  ///< what to copy: for each layer, each chunk
  };

  explicit incoming_chunks(std::uint32_t layers = 0) : layers_{layers} {}

  bool contains(kv::chunk_key key) const { return chunks_.contains(key); }
  std::size_t size() const { return chunks_.size(); }
  /// The chunk begins, or begins again, in `page`.
  void open(const chunk& c, kv::page_ref page, const upper_tier_actor& upper);
  /// The copy of these layers from the pages of `from`; chunks that are not open are left out.
  copy copy_of(const std::vector<chunk>& from, std::uint32_t layer_begin, std::uint32_t layer_end) const;
  /// That copy is over. Answers with the chunks that ended by it.
  std::vector<ended> end(const copy& what, const gpu::copy_result& result);
  /// The chunk will not be continued.
  void forget(kv::chunk_key key) { chunks_.erase(key); }

 private:
  struct open_chunk {
    chunk what;
    upper_tier_actor upper;
    std::vector<std::uint64_t> checksums;
    std::uint32_t missing = 0;  ///< layers
    std::uint64_t attempt = 0;
  };

  std::uint32_t layers_;
  std::unordered_map<kv::chunk_key, open_chunk> chunks_;
  std::uint64_t last_attempt_ = 0;
};

}  // namespace chromatin
