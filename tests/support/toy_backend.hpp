#pragma once

/// A backend for deterministic actor runs: its "keys and values" are a running hash of all tokens before, written into
/// every layer of the pages, and its logits come from reading every page of the history. A page that is wrong, stale or
/// in the wrong place changes the tokens that follow.

#include <cstring>
#include <vector>

#include "gpu/backend.hpp"

namespace chromatin::test {

class toy_backend final : public gpu::backend {
 public:
  explicit toy_backend(std::uint32_t vocabulary, std::uint32_t layers = 3)
      : vocabulary_{vocabulary}, geometry_{layers, 1, 16, kv::dtype::f32} {}

  const kv::geometry& geometry() const override { return geometry_; }
  std::string description() const override { return "toy"; }
  std::uint64_t weight_bytes() const override { return 0; }

  void begin(std::span<const gpu::sequence_step> batch) override { batch_.assign(batch.begin(), batch.end()); }

  void run_layer(std::uint32_t layer) override {
    for (const auto& step : batch_)
      for (std::uint32_t i = 0; i < step.tokens.size(); ++i) {
        auto position = step.position + i;
        put(step, layer, position, mix(history(step, layer, position), step.tokens[i] * 31u + layer));
      }
  }

  std::span<const float> finish() override {
    logits_.clear();
    for (const auto& step : batch_) {
      if (!step.wants_logits) continue;
      auto end = step.position + static_cast<std::uint32_t>(step.tokens.size());
      std::uint64_t sum = 0;
      for (std::uint32_t l = 0; l < geometry_.layers; ++l) sum = mix(sum, history(step, l, end));
      auto first = logits_.size();
      logits_.resize(first + vocabulary_, 0.0f);
      logits_[first + 16 + sum % (vocabulary_ - 16)] = 1.0f;  // never a control token
    }
    return logits_;
  }

 private:
  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    return (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xff51afd7ed558ccdu ^ a >> 29;
  }

  std::byte* slot(const gpu::sequence_step& step, std::uint32_t layer, std::uint32_t position) const {
    return step.pages[position / kv::tokens_per_chunk] + layer * geometry_.slice_bytes() +
           position % kv::tokens_per_chunk * 64;
  }
  void put(const gpu::sequence_step& step, std::uint32_t layer, std::uint32_t position, std::uint64_t value) const {
    std::memcpy(slot(step, layer, position), &value, sizeof value);
  }
  /// A hash over what stands in all slots before `end`.
  std::uint64_t history(const gpu::sequence_step& step, std::uint32_t layer, std::uint32_t end) const {
    std::uint64_t h = 1, value = 0;
    for (std::uint32_t p = 0; p < end; ++p) {
      std::memcpy(&value, slot(step, layer, p), sizeof value);
      h = mix(h, value);
    }
    return h;
  }

  std::uint32_t vocabulary_;
  kv::geometry geometry_;
  std::vector<gpu::sequence_step> batch_;
  std::vector<float> logits_;
};

}  // namespace chromatin::test
