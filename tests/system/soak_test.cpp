// A short soak by the real binary: everything holds, and everything that can go wrong did.

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "tests/support/temporary_folder.hpp"

namespace chromatin::test {
namespace {

TEST(Soak, AFewSecondsOfFaultsAndPowerCutsHold) {
  temporary_folder folder;
  auto json = (folder / "soak.json").string(), log = (folder / "log").string();
  auto command = std::string{"TMPDIR='"} + folder.path().string() + "' '" + CHROMATIN_BINARY +
                 "' soak --seed 7 --minutes 0.2 --json '" + json + "' > '" + log + "' 2>&1";
  int status = std::system(command.c_str());
  std::stringstream said;
  said << std::ifstream{log}.rdbuf();
  ASSERT_EQ(WEXITSTATUS(status), 0) << said.str();
  auto report = nlohmann::json::parse(std::ifstream{json});
  EXPECT_TRUE(report["failures"].empty());
  EXPECT_GT(report["done"]["answers compared"], 0) << said.str();
  EXPECT_GT(report["done"]["starts"], 1);
  EXPECT_GT(report["done"]["transcripts compared"], 0);
  EXPECT_FALSE(report["faults"].empty());
}

}  // namespace
}  // namespace chromatin::test
