#pragma once

/// How long whoever uses a chain wants it kept. A pure value; installed with the RPC client.

#include <cstdint>

namespace chromatin::kv {

inline constexpr std::int32_t usual_priority = 50;  ///< of 0 to 100

/// What whoever uses a chain wishes. For so long it is kept before those of lower priority, and after those of higher.
/// That decays: the distance from the usual priority falls to 0 in four steps. It is an order, not a pin: such chunks
/// go too when no others are left.
struct retention {
  std::uint8_t priority = usual_priority;  ///< 0 to 100
  std::int64_t ttl_us = 0;                 ///< 0: no wish
};

}  // namespace chromatin::kv
