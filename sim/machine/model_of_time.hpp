#pragma once

/// How long a machine takes. Actors count in tokens of their own: one stands for `scale` of the model's, so that a
/// chunk of 64 is a block of any size. Pure.

#include <cmath>
#include <cstdint>

#include "kv/chunk.hpp"
#include "sim/machine/machine.hpp"

namespace chromatin::sim {

class model_of_time {
 public:
  model_of_time(const machine& m, std::uint32_t block_tokens)
      : machine_{m}, scale_{static_cast<double>(block_tokens) / kv::tokens_per_chunk} {}

  double scale() const { return scale_; }
  std::uint32_t units(double tokens) const { return static_cast<std::uint32_t>(std::ceil(tokens / scale_)); }
  double layers() const { return machine_.layers; }
  /// True bytes of so many units, in one layer.
  double layer_bytes(double units) const { return units * scale_ * machine_.kv_bytes_per_token / machine_.layers; }

  /// `count` new units behind `position` others, computed together.
  double prefill_us(double count, double position) const {
    auto sees = (position + count / 2) * scale_ / 1000;
    return count * scale_ * (machine_.prefill_us_per_token + sees * machine_.attention_us_per_token);
  }
  /// A step in which each of some sequences gets one unit, that is `scale` steps of the model; they have `units`
  /// in all.
  double decode_us(double units) const {
    return scale_ * (machine_.decode_us + units * scale_ / 1000 * machine_.decode_us_per_token);
  }

 private:
  const machine& machine_;
  double scale_;
};

}  // namespace chromatin::sim
