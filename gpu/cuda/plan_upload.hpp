#pragma once

/// A step's plan in the device.

#include <vector>

#include "gpu/cuda/device_array.hpp"
#include "gpu/cuda/step_plan.hpp"

namespace chromatin::gpu::cuda {

/// One thread at a time.
class plan_upload {
 public:
  explicit plan_upload(runtime& on) : on_{on} {}

  /// Enqueues in the stream, whose earlier work still finds what was there before. The first of a step waits for
  /// nobody: the step before has ended. True when the plan moved to another place of the device.
  bool send(const step_plan& plan, stream in, bool first_of_step);

  batch_view batch() const { return batch_; }
  const std::uint32_t* tokens() const { return tokens_; }
  const std::uint32_t* last_rows() const { return last_rows_; }
  const float* inverse_temperatures() const { return inverse_temperatures_; }
  const attention_piece* many() const { return many_; }
  const attention_piece* single() const { return single_; }

 private:
  runtime& on_;
  device_array<std::byte> device_;
  std::vector<device_array<std::byte>> host_;  ///< one for each time that the step was planned
  std::size_t used_ = 0;
  batch_view batch_;
  const std::uint32_t *tokens_ = nullptr, *last_rows_ = nullptr;
  const float* inverse_temperatures_ = nullptr;
  const attention_piece *many_ = nullptr, *single_ = nullptr;
};

}  // namespace chromatin::gpu::cuda
