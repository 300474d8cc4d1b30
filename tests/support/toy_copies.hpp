#pragma once

/// The toy backend's copy engine: copies wait until they are told to end. One thread.

#include <vector>

#include "gpu/slice_mover.hpp"

namespace chromatin::test {

struct toy_faults;

class toy_copies final : public gpu::copy_engine {
 public:
  toy_copies(const kv::geometry& shape, bool verify, toy_faults& faults);
  ~toy_copies() override;

  gpu::fence in(std::vector<gpu::slice_copy> slices, copied done) override;
  void out(std::vector<gpu::slice_copy> slices, gpu::fence after, copied done) override;
  gpu::fence copy(kv::page_ref from, kv::page_ref to, std::uint32_t tokens, gpu::fence after) override;

  std::size_t waiting() const { return waiting_.size(); }
  /// How many of them may end now.
  std::size_t ready() const;
  /// Ends the one with this number among those.
  void end(std::size_t number);

 private:
  struct operation {
    gpu::fence after;
    /// With false the copy fails: the engine is gone.
    std::function<void(bool alive)> run;
  };
  gpu::copy_result move_in(const std::vector<gpu::slice_copy>& slices);
  gpu::copy_result move_out(const std::vector<gpu::slice_copy>& slices);

  toy_faults& faults_;
  gpu::slice_mover mover_;
  std::vector<operation> waiting_;
};

}  // namespace chromatin::test
