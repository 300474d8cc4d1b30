#pragma once

/// The memory of an emulated device, and pinned memory of the host.

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "kv/page.hpp"

namespace chromatin::gpu::cuda {

/// Every allocation is between two guard pages and starts as bytes of 0xff: NaN as bf16 and as float, a number out of
/// every range as an index, no address as a pointer. What was given back cannot be touched; its addresses are not used
/// again for a while. Thread-safe; memory that was handed out keeps this alive.
class emulated_memory : public std::enable_shared_from_this<emulated_memory> {
 public:
  explicit emulated_memory(std::size_t device_bytes) : free_bytes_{device_bytes} {}
  ~emulated_memory();

  enum class place { device, host };
  /// Throws std::bad_alloc. Memory of the host does not count.
  kv::memory_block allocate(std::size_t bytes, place where);
  std::size_t free_bytes() const;
  /// How many allocations of the device are out.
  std::size_t device_blocks() const;

  /// Checks that the bytes lie within one allocation, and that it is not given back while the answer lives.
  std::shared_ptr<const void> use(const void* data, std::size_t bytes) const;

 private:
  struct block {
    place where;
    std::byte* data;
    std::size_t bytes, mapped_bytes;  ///< mapped: with the guard pages, and filled up to whole pages
  };
  void release(std::byte* data);
  void bury(const block& old);

  mutable std::mutex mutex_;
  std::size_t free_bytes_;
  std::map<const std::byte*, std::shared_ptr<const block>> blocks_;  ///< by their first byte
  std::deque<block> buried_;
  std::size_t buried_bytes_ = 0;
};

}  // namespace chromatin::gpu::cuda
