#pragma once

/// The chunks that a device's pages hold for reuse, and the pages themselves. Bookkeeping without an actor: the device
/// tier's index, its replacement policy and its arena, kept in step.

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "actors/messages.hpp"

namespace chromatin {

class resident_chunks {
 public:
  struct entry {
    kv::link link;
    std::uint32_t depth = 0;
    kv::page_ref page;
    bool doomed = false;  ///< erased while it was pinned: goes with its last pin
  };

  /// What of a turn's chain is here.
  struct run {
    std::vector<kv::link> links;  ///< the chain to go on with: whole chunks, or the settled part with its tail
    std::uint32_t length = 0;     ///< leading links that are here
    std::uint32_t shared = 0;     ///< of these, whole chunks: used in place
    bool has_tail() const { return length > shared; }
    std::uint32_t tokens() const;
  };

  resident_chunks() = default;
  /// `dropped` is told of every chunk that leaves.
  resident_chunks(std::shared_ptr<kv::page_arena> arena, std::unique_ptr<kv::eviction_policy> policy,
                  std::function<void(const entry&)> dropped);

  const entry* find(kv::chunk_key key) const;
  key_list keys() const;
  std::size_t size() const { return index_.size(); }
  kv::eviction_policy& policy() { return *policy_; }
  run find_run(const kv::reusable& chain) const;

  /// A complete chunk, not pinned; its key must be new.
  void insert(const chunk& c);
  void drop(kv::chunk_key key);
  /// Drops it now, or with its last pin. Unknown keys are passed over.
  void doom(kv::chunk_key key);
  void pin(kv::chunk_key key) { policy_->pin(key); }
  void unpin(const key_list& keys);
  std::uint32_t pins(kv::chunk_key key) const { return policy_->pins(key); }

  /// So many pages, for which chunks that may go are dropped. Or none; then `when_free` is called, once and from any
  /// thread, when a page has come back that may change the answer.
  std::optional<std::vector<kv::page_ref>> take_pages(std::uint32_t count, std::int64_t now_us,
                                                      std::function<void()> when_free);
  /// How many pages more it would take, at least 1.
  std::uint32_t missing(std::uint32_t needed) const;

 private:
  std::uint32_t room() const;

  std::shared_ptr<kv::page_arena> arena_;
  std::unique_ptr<kv::eviction_policy> policy_;
  std::function<void(const entry&)> dropped_;
  std::unordered_map<kv::chunk_key, entry> index_;
};

}  // namespace chromatin
