#pragma once

/// A copy engine that moves nothing: each copy ends when a link of the machine's speed would have carried it. Both ways
/// at the same time, one copy after the other each way. All pages are zeros, and so are their checksums right.

#include "gpu/copy_engine.hpp"
#include "sim/machine/model_of_time.hpp"
#include "sim/machine/timeline.hpp"

namespace chromatin::sim {

class modelled_copies final : public gpu::copy_engine {
 public:
  modelled_copies(const machine& m, const model_of_time& time, timeline& events);

  gpu::fence in(std::vector<gpu::slice_copy> slices, copied done) override;
  void out(std::vector<gpu::slice_copy> slices, gpu::fence after, copied done) override;
  gpu::fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, gpu::fence after) override;

  double bytes_in() const { return in_.bytes(); }
  double bytes_out() const { return out_.bytes(); }
  /// Calls `call` when no copy to the host is under way; perhaps at once.
  void when_out(std::function<void()> call);

 private:
  double bytes_of(const std::vector<gpu::slice_copy>& slices) const;
  void carry_out(std::vector<gpu::slice_copy> slices, copied done);
  void out_ended();

  const model_of_time& time_;
  timeline& events_;
  timeline::duration latency_;
  channel in_, out_;
  std::uint64_t zeros_;  ///< the checksum of an empty slice
  std::uint32_t going_out_ = 0;
  std::vector<std::function<void()>> waiting_;
};

}  // namespace chromatin::sim
