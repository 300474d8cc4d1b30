#pragma once

/// The commands `chromatin dna …`. Each registers itself with one of these functions, which the table in dna.cpp calls;
/// each lives in the file of its name.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "dna/partition/store.hpp"

namespace chromatin::dna {

/// Adds `dna` and everything below it.
void add_dna_command(CLI::App& app);

void add_init_command(CLI::App& dna);
void add_put_command(CLI::App& dna);
void add_get_command(CLI::App& dna);
void add_ls_command(CLI::App& dna);
void add_update_command(CLI::App& dna);
void add_history_command(CLI::App& dna);
void add_rm_command(CLI::App& dna);
void add_order_command(CLI::App& dna);
void add_primers_command(CLI::App& dna);
void add_pcr_command(CLI::App& dna);
void add_sequence_command(CLI::App& dna);
void add_decode_command(CLI::App& dna);
void add_calibrate_command(CLI::App& dna);
void add_cost_command(CLI::App& dna);
void add_verify_command(CLI::App& dna);

/// What every command on a store takes.
struct store_flags {
  std::filesystem::path folder;
  bool json = false;
};

/// Adds the positional STORE and --json.
void add_store_flags(CLI::App& command, store_flags& flags);

/// "0-4" or "7": numbers of blocks in a file.
struct block_range {
  std::uint32_t first = 0, last = 0;
};
/// Throws std::runtime_error.
block_range parse_block_range(const std::string& text);

/// Leaves of a path in a partition, or of some blocks of a file; "/" is the journal. Throws partition_error.
std::vector<std::uint32_t> select_leaves(const partition& from, const std::string& path, const std::string& blocks);

}  // namespace chromatin::dna
