#pragma once

/// What commands write beside words for people: JSON, and reports in files.

#include <string>

#include <nlohmann/json.hpp>

namespace chromatin {

/// Indented, on the standard output. Bytes that are no UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& value);

/// A path that cannot be written is better known before a long run than after it: throws. Makes its folder. An empty
/// one is none.
void check_writable(const std::string& file);

/// Throws. An empty path is none.
void write_file(const std::string& file, const std::string& content);

}  // namespace chromatin
