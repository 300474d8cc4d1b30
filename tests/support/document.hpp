#pragma once

/// Files as tests read them, and what stands where in a document.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace chromatin::test {

/// Of a file; a path that is not absolute begins in the source tree. Fails the test if it cannot be read.
inline std::string content_of(const std::filesystem::path& file) {
  std::ifstream in{std::filesystem::path{CHROMATIN_SOURCE_DIR} / file};
  EXPECT_TRUE(in) << file;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// What stands in backticks.
inline std::vector<std::string> code_spans(const std::string& text) {
  std::vector<std::string> all;
  for (auto begin = text.find('`'); begin != text.npos;) {
    auto end = text.find('`', begin + 1);
    if (end == text.npos) break;
    if (end > begin + 1) all.push_back(text.substr(begin + 1, end - begin - 1));
    // Of two that stand together the second may begin a span.
    begin = end == begin + 1 ? end : text.find('`', end + 1);
  }
  return all;
}

/// The part of a document below the heading "## NAME", up to the next one of that kind.
inline std::string section_of(const std::string& document, const std::string& name) {
  auto at = document.find("\n## " + name + "\n");
  EXPECT_NE(at, document.npos) << "no section " << name;
  return at == document.npos ? std::string{} : document.substr(at, document.find("\n## ", at + 1) - at);
}

/// The cells of a table's line without the white space around them; empty if it is none.
inline std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  if (!line.starts_with('|')) return cells;
  std::istringstream rest{line.substr(1)};
  for (std::string cell; std::getline(rest, cell, '|');) {
    auto first = cell.find_first_not_of(' ');
    cells.push_back(first == cell.npos ? "" : cell.substr(first, cell.find_last_not_of(' ') + 1 - first));
  }
  return cells;
}

}  // namespace chromatin::test
