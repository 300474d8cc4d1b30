#pragma once

/// Commands as a user types them, in this process.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {

class CommandLine : public testing::Test {
 protected:
  /// What the command prints, whatever its status is. Throws what it throws.
  std::string run(std::vector<std::string> words);
  nlohmann::json json(std::vector<std::string> words) {
    words.push_back("--json");
    return nlohmann::json::parse(run(std::move(words)));
  }
  std::string refusal(std::vector<std::string> words) {
    try {
      run(std::move(words));
    } catch (const std::exception& error) {
      return error.what();
    }
    return "not refused";
  }
  std::string path(const std::string& name) { return (folder_ / name).string(); }
  std::string write(const std::string& name, const std::string& content) {
    std::ofstream{folder_ / name, std::ios::binary} << content;
    return path(name);
  }

  temporary_folder folder_;
  int status_ = 0;  ///< of the command that ran last
};

}  // namespace chromatin::test
