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

#include "tests/support/document.hpp"

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

}  // namespace chromatin::test
