#pragma once

/// A TOML file of named numbers with bounds, and changes to them from a command line.

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chromatin::sim {

/// A number that a file has, or a switch: "table.name".
struct keyed_number {
  std::string_view key;
  double* number = nullptr;
  double min = 0, max = 0;
  bool needed = true;    ///< else it stays what it is when the file does not name it
  bool* flag = nullptr;  ///< in place of `number`: true or false
};

/// "key=value" in place of what a file says.
struct change {
  std::string key, value;
};
using changes = std::vector<change>;

/// Throws std::runtime_error for a text that is none.
change parse_change(const std::string& text);

std::vector<std::string> names_of(std::span<const keyed_number> keys);

/// Makes the changes that name one of the keys; returns these. Throws std::runtime_error for a value that cannot be.
std::vector<std::string_view> make_changes(std::span<const keyed_number> keys, const changes& with);

/// Reads the file; every key of it must be one of `keys`, "name" apart, and every change that has one of them is made.
/// Returns "name", or the file's name. Throws std::runtime_error with one line: file, line, key, the way out.
std::string read_keys(const std::filesystem::path& file, std::span<const keyed_number> keys, const changes& with);

}  // namespace chromatin::sim
