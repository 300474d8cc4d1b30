#pragma once

/// A group of slices on its way: where their packed copies and checksums stand in the scratch memory.

#include <optional>
#include <span>
#include <vector>

#include "gpu/copy_engine.hpp"
#include "gpu/cuda/room_pool.hpp"

namespace chromatin::gpu::cuda {

/// Made before the copies are enqueued, held until they are done. One thread at a time.
class transfer {
 public:
  /// `packs_all`: every slice gets a packed copy, so that what is checked is what the page has.
  transfer(std::vector<slice_copy> slices, const kv::geometry& shape, room_pool& rooms, bool packs_all);

  const std::vector<slice_copy>& slices() const { return slices_; }
  kv::slice_place packed(std::size_t i) const { return shape_.packed(slices_[i].layer, slices_[i].tokens); }
  std::byte* in_page(std::size_t i) const;  ///< the slice in the device's page
  std::byte* in_host(std::size_t i) const;
  /// The packed copy in the device; null for a slice that is the same in both forms.
  std::byte* stage(std::size_t i) const { return stages_[i]; }

  enum class direction : std::uint8_t { in, out };
  /// What is to be copied between the host and the device's pages, and between the host and packed copies.
  std::vector<byte_copy> direct(direction way) const { return copies(way, false); }
  std::vector<byte_copy> staged(direction way) const { return copies(way, true); }

  /// Enqueues the checksums of all slices and their way to the host.
  void check(runtime& on, stream in) const;
  /// Of one slice, once check() was done.
  std::uint64_t checksum(std::size_t i) const;

 private:
  bool is_same_in_both(std::size_t i) const;
  std::vector<byte_copy> copies(direction way, bool staged) const;

  std::vector<slice_copy> slices_;
  kv::geometry shape_;
  std::vector<std::byte*> stages_;
  std::vector<std::uint32_t> first_piece_;  ///< of each slice, and the number of all
  std::shared_ptr<room> room_;
};

}  // namespace chromatin::gpu::cuda
