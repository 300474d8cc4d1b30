#pragma once

/// Programs that nobody here wrote, from npm: the packages of package.json, with which the scripts of this folder run.

#include <filesystem>
#include <string>

#include "tests/support/shell.hpp"

namespace chromatin::test {

struct npm_packages {
  std::filesystem::path folder;  ///< has the packages and the scripts
  std::string missing;           ///< why it has not; empty if it has
};

/// Installs them if need be, in a folder of the build that stays: only the first time takes long.
inline npm_packages installed_packages() {
  std::filesystem::path folder{CHROMATIN_BUILD_DIR "/npm"};
  std::filesystem::create_directories(folder);
  auto place = folder.string(), ours = std::string{CHROMATIN_SOURCE_DIR} + "/tests/clients";
  auto [status, text] =
      outcome_of("cd " + place + " && exec flock lock sh -c 'cp " + ours + "/*.mjs " + ours +
                 "/package.json . && { cmp -s package.json installed || { timeout 240 npm install --no-audit --no-fund "
                 "--ignore-scripts --loglevel=error && cp package.json installed; }; } && node --version'");
  if (status != 0) return {folder, "npm does not bring the packages of tests/clients/package.json: " + text};
  return {folder, {}};
}

}  // namespace chromatin::test
