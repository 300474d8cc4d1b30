#pragma once

/// The commands of a document, and what its comments say of them:
///
///     <!-- not run: why -->        of the block that follows
///     <!-- prints: PATTERN -->     a regular expression that is found in what it prints; several allowed
///     <!-- needs: COMMAND -->      it is left out where this command fails
///     <!-- file: NAME -->          it is no command but a file of this name, for those that follow
///     <!-- commands of this table are run -->

#include <cstddef>
#include <string>
#include <vector>

namespace chromatin::test {

struct block {
  std::size_t line = 0;  ///< of the document, from 1
  std::string language;  ///< of a fence; empty: indented, or in a table
  std::string text;
  std::string not_run, file;
  std::vector<std::string> prints, needs;

  /// Fenced as `sh`, or begins with a program that readers have.
  bool is_command() const;
};

/// In the order of the document.
std::vector<block> blocks_of(const std::string& document);

/// The content of a file of the source tree. Fails the test if it cannot be read.
std::string content_of(const std::string& file);

/// What stands in backticks.
std::vector<std::string> code_spans(const std::string& text);

/// The part of a document below the heading "## NAME", up to the next one of that kind.
std::string section_of(const std::string& document, const std::string& name);

/// The cells of a table's line without the white space around them; empty if it is none.
std::vector<std::string> cells_of(const std::string& line);

}  // namespace chromatin::test
