#pragma once

/// `chromatin bench …`: measurements that print what docs/results.md states. Every ratio is taken side by side in one
/// run.

#include <filesystem>

#include <CLI/CLI.hpp>

namespace chromatin::bench {

/// `embedded` is the folder of the embedded model.
void add_bench_command(CLI::App& app, const std::filesystem::path& embedded);

}  // namespace chromatin::bench
