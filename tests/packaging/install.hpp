#pragma once

#include <filesystem>
#include <string>

#include "tests/support/document.hpp"
#include "tests/support/shell.hpp"

namespace chromatin::test {

/// `make install` without the build.
inline outcome install_into(const std::filesystem::path& destdir, const std::string& prefix = "/usr") {
  return outcome_of("DESTDIR='" + destdir.string() + "' cmake --install '" CHROMATIN_BUILD_DIR "' --prefix " + prefix);
}

}  // namespace chromatin::test
