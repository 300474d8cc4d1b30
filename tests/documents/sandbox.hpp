#pragma once

/// Where the commands of a document are run: a folder with what readers have at hand, and the programs of
/// tests/documents/bin ahead of all others.

#include <string>

#include "tests/support/shell.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {

class sandbox {
 public:
  sandbox();
  /// Ends the server that is left.
  ~sandbox();

  /// In a shell that stops at the first command that fails. Port numbers of the documents become the sandbox's own.
  outcome run(const std::string& commands) const;
  void write(const std::string& file, const std::string& text) const;

 private:
  std::string with_own_ports(std::string text) const;

  temporary_folder folder_;
  std::uint16_t http_port_, rpc_port_;
};

}  // namespace chromatin::test
