#pragma once

/// Every measurement registers itself with one of these; each lives in the file of its name.

#include <filesystem>

#include <CLI/CLI.hpp>

namespace chromatin::bench {

void add_executor(CLI::App& bench, const std::filesystem::path& embedded);
void add_loading(CLI::App& bench, const std::filesystem::path& embedded);
void add_overlap(CLI::App& bench, const std::filesystem::path& embedded);
void add_neighbour(CLI::App& bench, const std::filesystem::path& embedded);
void add_truncation(CLI::App& bench, const std::filesystem::path& embedded);
void add_peers(CLI::App& bench, const std::filesystem::path& embedded);
void add_served(CLI::App& bench, const std::filesystem::path& embedded);
void add_gpu(CLI::App& bench);
void add_disk(CLI::App& bench);
void add_policies(CLI::App& bench);
void add_dna(CLI::App& bench, const std::filesystem::path& embedded);
void add_archive(CLI::App& bench, const std::filesystem::path& embedded);

}  // namespace chromatin::bench
