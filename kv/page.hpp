#pragma once

/// Pages: fixed-size pieces of an arena, each with room for one chunk, passed around by reference-counted handle.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "kv/chunk.hpp"

namespace chromatin::kv {

class page_arena;

/// A shared handle to a page. The page goes back to its arena when the last handle is gone; the arena stays alive until
/// then.
///
/// A page is written by whoever allocated it until it is published (put into a tier's index, or sent in a message);
/// from then on the bytes of its filled token slots never change. Only the executor goes on writing, and only into
/// slots beyond the fill of a sequence's last chunk, in pages that no other sequence has. Copying and destroying
/// handles is safe from any thread.
class page_ref {
 public:
  page_ref() = default;
  page_ref(const page_ref& other) noexcept;
  page_ref(page_ref&& other) noexcept;
  page_ref& operator=(page_ref other) noexcept;
  ~page_ref();

  explicit operator bool() const noexcept { return arena_ != nullptr; }
  std::span<const std::byte> bytes() const noexcept { return writable(); }
  std::span<std::byte> writable() const noexcept;
  const page_arena* arena() const noexcept { return arena_; }
  bool operator==(const page_ref&) const noexcept = default;

 private:
  friend class page_arena;
  page_ref(page_arena* arena, std::uint32_t index) noexcept : arena_{arena}, index_{index} {}

  page_arena* arena_ = nullptr;
  std::uint32_t index_ = 0;
};

/// The bytes of one layer of the chunk in `page`, for whoever may write them: in the device form, and in the packed
/// form of a chunk with `tokens` filled slots.
std::span<std::byte> slice_of(const page_ref& page, const geometry& shape, std::uint32_t layer);
std::span<std::byte> packed_slice_of(const page_ref& page, const geometry& shape, std::uint32_t layer,
                                     std::uint32_t tokens);

/// The pages of a sequence, in order: page i has its tokens [64 i, 64 i + 64). Shared by all who look at it, never
/// changed: a sequence that grows gets a new one.
using block_table = std::shared_ptr<const std::vector<page_ref>>;

/// Memory for an arena and how it is given back: plain memory, pinned memory, huge pages. Aligned to 4 KiB at least.
struct memory_block {
  std::unique_ptr<std::byte, std::function<void(std::byte*)>> data;
  std::size_t size_bytes = 0;

  std::span<std::byte> bytes() const { return {data.get(), size_bytes}; }
};

/// `size_bytes` of plain memory with arbitrary contents, aligned to pages; from 2 MiB on in huge pages where the kernel
/// has them, since streaming through small ones is a tenth slower. Untouched, so that it costs nothing yet.
memory_block plain_memory(std::size_t size_bytes);

/// A bounded set of equal pages. Thread-safe. Held by shared pointer; every page keeps it alive.
class page_arena : public std::enable_shared_from_this<page_arena> {
 public:
  /// As many pages of `page_bytes` (a multiple of 4 KiB) as fit into `memory`; throws std::invalid_argument if none
  /// does.
  static std::shared_ptr<page_arena> make(memory_block memory, std::size_t page_bytes);
  page_arena(const page_arena&) = delete;
  page_arena& operator=(const page_arena&) = delete;

  /// An unused page with arbitrary contents, or an empty handle when all are taken.
  page_ref try_allocate();

  /// So many of them, or none.
  std::vector<page_ref> try_allocate(std::uint32_t count);

  /// How many pages have come back so far.
  std::uint64_t releases() const;
  /// Calls `call` once: when a page comes back, from the thread that gives it back; at once if one came back since
  /// `releases()` was `seen`. Replaces an earlier call that is still due. It must not block.
  void when_free(std::uint64_t seen, std::function<void()> call);

  std::uint32_t capacity() const noexcept { return static_cast<std::uint32_t>(counts_.size()); }
  std::uint32_t available() const;
  std::size_t page_bytes() const noexcept { return page_bytes_; }
  /// The whole arena, for registration with a device or the kernel.
  std::span<std::byte> memory() const noexcept { return memory_.bytes(); }

 private:
  friend class page_ref;
  page_arena(memory_block memory, std::size_t page_bytes);
  void acquire(std::uint32_t index) noexcept;
  void release(std::uint32_t index) noexcept;

  memory_block memory_;
  std::size_t page_bytes_;
  std::vector<std::atomic<std::uint32_t>> counts_;
  mutable std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::shared_ptr<page_arena> self_;  // held while any page is out
  std::uint64_t releases_ = 0;
  std::function<void()> when_free_;
};

}  // namespace chromatin::kv
