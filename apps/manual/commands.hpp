#pragma once

/// The program's commands and options as data, read from CLI11's own tree: what man pages and completions are made of,
/// so that they cannot say anything else than --help. What --help hides is not here.

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace chromatin::manual {

struct option {
  std::vector<std::string> names;    ///< "-h" and "--help"; of a positional argument its one name
  std::string value;                 ///< what stands for its value: "SIZE"; empty for a flag
  std::vector<std::string> choices;  ///< all that its value may be, if these are few
  std::string limits;                ///< "64 to 1024"; empty: none
  std::string standard;              ///< what it is when it is not given; empty: see its help
  std::string help;
  std::string group;  ///< a heading
  bool positional = false;
  bool required = false;
  bool repeats = false;  ///< may be given several times
};

struct command {
  std::vector<std::string> path;  ///< "chromatin", "dna", "put"
  std::string help;
  std::vector<option> options;        ///< in the order of --help
  std::vector<std::string> commands;  ///< names of those below it
  std::string footer;                 ///< what --help ends with

  /// The path with this between its parts.
  std::string name(std::string_view between) const;
};

/// All commands, each before those below it, the program itself first.
std::vector<command> commands_of(const CLI::App& program);

/// Of those below `above`, the one of this name.
const command& command_below(const std::vector<command>& all, const command& above, const std::string& name);

}  // namespace chromatin::manual
