#pragma once

/// The options of what clients may hold of a server (docs/operations.md).

#include <CLI/CLI.hpp>

#include "rpc/door.hpp"

namespace chromatin {

void add_door_flags(CLI::App& command, rpc::door_limits& limits);

}  // namespace chromatin
