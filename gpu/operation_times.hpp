#pragma once

/// Where a backend's time goes, by operation.

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace chromatin::gpu {

enum class operation : std::uint8_t {
  embed,
  norm,
  qkv,
  rotate_and_store,
  attention,
  output,
  gate_up,
  silu,
  down,
  residual,
  head,
  sample
};
constexpr std::size_t operation_count = 12;
constexpr std::array<const char*, operation_count> operation_names{
    "embedding rows",  "RMSNorm",   "Q, K, V matmul", "rotate Q, store K V", "attention",     "output matmul",
    "gate, up matmul", "SiLU · up", "down matmul",    "residual sums, norm", "logits matmul", "sampling"};

struct operation_times {
  std::array<std::chrono::nanoseconds, operation_count> spent{};
};

}  // namespace chromatin::gpu
