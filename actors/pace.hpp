#pragma once

/// How fast things go here, as measured: what deadlines, look-ahead and bursts are computed from. Pure; times come from
/// the steps themselves.

#include <algorithm>
#include <cstdint>

namespace chromatin {

class pace {
 public:
  /// A step of `tokens` new tokens, one of each sequence of `answering`, took `us`; with one token a sequence it
  /// decoded `decode_steps` times.
  void stepped(double us, std::uint32_t tokens, std::size_t decode_steps, std::uint32_t answering = 0) {
    constexpr std::uint32_t prefill_tokens_min = 32;
    step_us_ = us;
    if (auto prompt = tokens - std::min(tokens, answering); prompt >= prefill_tokens_min) {
      constexpr double remembered =
          0.9;  // of the steps before; a token counts as much in a small one as in a large one
      // Those who answer would have had their step without the prompt.
      auto own_us = answering > 0 ? std::max(us - decode_step_us_, us / 2) : us;
      prefill_us_ = remembered * prefill_us_ + own_us;
      prefill_tokens_ = remembered * prefill_tokens_ + prompt;
    } else if (decode_steps > 0) {
      auto one_us = std::max(1.0, us / static_cast<double>(decode_steps));
      decode_step_us_ = decode_step_us_ > 0 ? decode_step_us_ + 0.3 * (one_us - decode_step_us_) : one_us;
    }
  }
  /// A turn had its pages for `us`, beside `others_max` others.
  void turn_ended(double us, std::uint32_t others_max) { turn_us_ += 0.1 * (us / others_max - turn_us_); }

  bool knows_prefill() const { return prefill_tokens_ > 0; }  ///< measured one
  double prefill_us_per_token() const {
    constexpr double guess_us = 200;  // only sets the first deadlines
    return knows_prefill() ? prefill_us_ / prefill_tokens_ : guess_us;
  }
  double step_us() const { return step_us_; }  ///< of the last step
  double turn_us() const { return turn_us_; }  ///< mean time between two turns that leave the queue
  /// Decode steps that take about `burst_us`; 1 when nothing was measured yet.
  std::uint32_t decode_steps_in(double burst_us) const {
    return decode_step_us_ > 0 ? static_cast<std::uint32_t>(burst_us / decode_step_us_) + 1 : 1;
  }

 private:
  double prefill_us_ = 0, prefill_tokens_ = 0;
  double decode_step_us_ = 0;
  double step_us_ = 0;
  double turn_us_ = 100'000;
};

}  // namespace chromatin
