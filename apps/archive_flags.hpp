#pragma once

/// Options of `chromatin serve` for conversations in DNA.

#include <CLI/CLI.hpp>

#include "actors/launch.hpp"

namespace chromatin {

void add_archive_flags(CLI::App& command, archive_options& options);

}  // namespace chromatin
