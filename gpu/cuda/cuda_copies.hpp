#pragma once

/// The CUDA executor's copy engine: one stream loads, one saves, one copies within the device, and one makes the
/// checksums of what was loaded while the next is under way (CachedAttention §3.2). Checksums are made by the device,
/// of the bytes that it has.
///
/// Full slices are copied to and from their places. One that is partly filled, or padded, goes through a packed copy
/// in the device. A load's bytes are in the page before they are compared: its fence fails when they are wrong, and
/// the page is of no use then.

#include <memory>

#include "gpu/copy_engine.hpp"
#include "gpu/cuda/event_pool.hpp"
#include "gpu/cuda/room_pool.hpp"

namespace chromatin::gpu::cuda {

/// Host pages must be pinned memory of the runtime.
class cuda_copies final : public copy_engine {
 public:
  cuda_copies(std::shared_ptr<runtime> on, std::shared_ptr<event_pool> events, const kv::geometry& shape, bool verify);
  /// Waits for what is under way.
  ~cuda_copies() override;

  fence in(std::vector<slice_copy> slices, copied done) override;
  void out(std::vector<slice_copy> slices, fence after, copied done) override;
  fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, fence after) override;

 private:
  class core;
  std::shared_ptr<core> core_;  ///< what callbacks share, also those that come late
};

}  // namespace chromatin::gpu::cuda
