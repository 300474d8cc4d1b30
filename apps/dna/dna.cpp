#include "apps/dna/dna.hpp"

#include <charconv>

#include <fmt/format.h>

namespace chromatin::dna {
namespace {

/// In the order of --help: one line for each command.
constexpr void (*commands[])(CLI::App&){
    add_init_command,     add_put_command,    add_get_command,       add_ls_command,      add_update_command,
    add_history_command,  add_rm_command,     add_order_command,     add_primers_command, add_pcr_command,
    add_sequence_command, add_decode_command, add_calibrate_command, add_cost_command,    add_verify_command,
};

std::uint32_t number(std::string_view text, const std::string& whole) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw std::runtime_error{fmt::format("\"{}\" is no range of blocks: write 7 or 0-4", whole)};
  return value;
}

}  // namespace

void add_dna_command(CLI::App& app) {
  auto* dna = app.add_subcommand("dna", "Store files in DNA: partitions, directories, updates, oligos to order");
  dna->require_subcommand(1);
  for (const auto add : commands) add(*dna);
}

void add_store_flags(CLI::App& command, store_flags& flags) {
  command.add_option("STORE", flags.folder, "folder of the store")->required();
  command.add_flag("--json", flags.json, "say what was done as JSON");
}

block_range parse_block_range(const std::string& text) {
  const auto dash = text.find('-');
  const auto first = number(std::string_view{text}.substr(0, dash), text);
  const auto last = dash == std::string::npos ? first : number(std::string_view{text}.substr(dash + 1), text);
  if (last < first) throw std::runtime_error{fmt::format("\"{}\": the last block comes before the first", text)};
  return {first, last};
}

std::vector<std::uint32_t> select_leaves(const partition& from, const std::string& path, const std::string& blocks) {
  if (blocks.empty()) return from.leaves_of(path == "." ? "" : path);
  const auto range = parse_block_range(blocks);
  const auto found = from.find(path);
  if (!found || found->directory) throw partition_error{fmt::format("there is no file \"{}\" to take blocks of", path)};
  if (range.last >= found->blocks.size())
    throw partition_error{fmt::format("\"{}\" has blocks 0 to {}, not {}", path, found->blocks.size() - 1, range.last)};
  std::vector<std::uint32_t> leaves;
  for (auto i = range.first; i <= range.last; ++i) leaves.push_back(found->blocks[i].leaf);
  return leaves;
}

}  // namespace chromatin::dna
