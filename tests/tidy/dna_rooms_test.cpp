// The folders of dna/ are steps from a sequence of bases to a laboratory: a step uses those before it, and its tests
// lie in the folder of the same name.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/pattern.hpp"
#include "tests/tidy/root.hpp"

namespace chromatin::test {
namespace {

namespace fs = std::filesystem;

/// In order: each may include itself and those before it (docs/ARCHITECTURE.md).
const std::vector<std::string> steps{"geometry", "blocks", "reads", "partition", "wetlab"};

TEST(DnaRooms, StepsIncludeOnlyEarlierSteps) {
  const pattern include{R"re(^\s*#include "dna/([a-z_]+)/)re"};
  std::set<std::string> allowed;
  std::size_t looked_at = 0;
  for (const auto& step : steps) {
    allowed.insert(step);
    for (const auto& file : fs::directory_iterator(root / "dna" / step)) {
      std::ifstream in{file.path()};
      for (std::string line; std::getline(in, line); ++looked_at)
        if (auto match = include.find(line)) {
          EXPECT_TRUE(allowed.contains((*match)[1])) << file.path() << ": " << line;
        }
    }
  }
  EXPECT_GT(looked_at, 1000U);
}

TEST(DnaRooms, NoFileStandsBesideTheSteps) {
  for (const auto& entry : fs::directory_iterator(root / "dna")) {
    const auto name = entry.path().filename().string();
    EXPECT_TRUE(name == "CMakeLists.txt" || std::find(steps.begin(), steps.end(), name) != steps.end()) << name;
  }
  for (const auto& entry : fs::directory_iterator(root / "tests/dna")) {
    const auto name = entry.path().filename().string();
    EXPECT_TRUE(name == "commands" || std::find(steps.begin(), steps.end(), name) != steps.end()) << name;
  }
}

}  // namespace
}  // namespace chromatin::test
