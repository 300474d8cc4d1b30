#pragma once

/// Ports of this machine that nobody listens on, for servers that cannot choose one themselves.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chromatin::io {

/// All different. Another program may take one before it is used. Throws std::runtime_error.
std::vector<std::uint16_t> free_ports(std::size_t count);

}  // namespace chromatin::io
