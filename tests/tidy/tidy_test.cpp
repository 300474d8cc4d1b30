// House style as a test: include direction, sizes, registration, stray files. Looks at what git would commit, or at the
// tree where there is no git.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/pattern.hpp"
#include "tests/tidy/root.hpp"

namespace chromatin::test {
namespace {

namespace fs = std::filesystem;

/// Which folders a folder may include besides itself (docs/ARCHITECTURE.md).
const std::map<std::string, std::set<std::string>> may_include{
    {"kv", {}},
    {"model", {"kv"}},
    {"gpu", {"kv", "model"}},
    {"io", {"kv"}},
    {"dna", {}},
    {"archive", {"kv", "model", "io", "dna"}},
    {"sim", {"kv", "model", "gpu", "io", "actors"}},
    {"schema", {}},
    {"actors", {"kv", "model", "gpu", "io", "archive"}},
    {"rpc", {"kv", "model", "gpu", "io", "actors", "schema"}},
    {"http", {"kv", "model", "actors", "schema", "rpc"}},
    {"apps", {"kv", "model", "gpu", "io", "dna", "archive", "sim", "actors", "schema", "rpc", "http", "bench"}},
    {"bench", {"kv", "model", "gpu", "io", "dna", "archive", "actors", "rpc"}},
    {"tests",
     {"kv", "model", "gpu", "io", "dna", "archive", "sim", "actors", "schema", "rpc", "http", "apps", "bench"}}};

const std::set<std::string> top_level{".ci",
                                      ".clang-format",
                                      ".git",
                                      ".gitignore",
                                      "CMakeLists.txt",
                                      "CMakePresets.json",
                                      "LICENSE",
                                      "Makefile",
                                      "README.md",
                                      "actors",
                                      "apps",
                                      "archive",
                                      "assets",
                                      "bench",
                                      "build",
                                      "cmake",
                                      "dna",
                                      "docs",
                                      "gpu",
                                      "http",
                                      "io",
                                      "kv",
                                      "model",
                                      "packages.sh",
                                      "packages.txt",
                                      "packaging",
                                      "rpc",
                                      "schema",
                                      "sim",
                                      "tests"};

constexpr std::size_t lines_max = 400;

struct source {
  fs::path path;
  std::string folder;
  std::vector<std::string> lines;
};

const std::vector<source>& sources() {
  static const auto all = [] {
    std::vector<source> found;
    for (const auto& [folder, allowed] : may_include) {
      if (!fs::exists(root / folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        static const std::set<std::string> kinds{".cpp", ".hpp", ".inl", ".cu", ".cuh"};
        if (!kinds.contains(entry.path().extension().string())) continue;
        source s{entry.path(), folder, {}};
        std::ifstream in{entry.path()};
        for (std::string line; std::getline(in, line);) s.lines.push_back(line);
        found.push_back(std::move(s));
      }
    }
    return found;
  }();
  return all;
}

TEST(Tidy, FoldersIncludeOnlyWhatIsAboveThem) {
  const pattern include{R"re(^\s*#include "([a-z]+)/)re"};
  for (const auto& s : sources())
    for (const auto& line : s.lines)
      if (auto match = include.find(line); match && (*match)[1] != s.folder) {
        EXPECT_TRUE(may_include.at(s.folder).contains((*match)[1])) << s.path << ": " << line;
      }
}

TEST(Tidy, EveryTestIsRegistered) {
  std::stringstream lists;
  lists << std::ifstream{root / "tests/CMakeLists.txt"}.rdbuf();
  for (const auto& s : sources()) {
    if (s.folder != "tests" || !s.path.filename().string().ends_with("_test.cpp")) continue;
    auto folder = fs::relative(s.path, root / "tests").begin()->string();
    EXPECT_NE(lists.str().find("chromatin_test(" + folder), std::string::npos) << s.path;
    const auto home = root / "tests" / folder, above = s.path.parent_path();
    EXPECT_TRUE(above == home || above.parent_path() == home) << s.path << " is deeper than the registration looks";
  }
}

TEST(Tidy, FilesAreOfAReadableSize) {
  for (const auto& s : sources()) EXPECT_LE(s.lines.size(), lines_max) << s.path << ": one thing, or several?";
}

TEST(Tidy, HeadersAreGuardedAndNothingIsLeftOpen) {
  for (const auto& s : sources()) {
    bool guarded = std::find(s.lines.begin(), s.lines.end(), "#pragma once") != s.lines.end();
    EXPECT_TRUE(guarded || s.path.extension() != ".hpp") << s.path;
    if (s.path.filename() == "tidy_test.cpp") continue;
    for (const auto& line : s.lines)
      for (auto word : {"TODO", "FIXME"}) EXPECT_EQ(line.find(word), std::string::npos) << s.path << ": " << line;
  }
}

TEST(Tidy, NoTabsOrTrailingSpace) {
  for (const auto& s : sources())
    for (std::size_t i = 0; i < s.lines.size(); ++i) {
      EXPECT_EQ(s.lines[i].find('\t'), std::string::npos) << s.path << ":" << i + 1;
      EXPECT_FALSE(s.lines[i].ends_with(' ')) << s.path << ":" << i + 1;
    }
}

TEST(Tidy, NothingStraysAtTheTopLevel) {
  for (const auto& entry : fs::directory_iterator(root)) {
    auto name = entry.path().filename().string();
    bool ignored = name == ".cache" || name == "compile_commands.json";
    EXPECT_TRUE(ignored || top_level.contains(name)) << name;
  }
}

TEST(Tidy, ThePlantedFaultsAreStillWhereTheirTableSays) {
  auto command = "python3 '" + (root / "tests/mutants/run.py").string() + "' --check";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Tidy, NoPathOfOneMachineIsNamed) {
  const pattern machine{R"re((^|[^A-Za-z0-9_.])/(root|home|work)/[A-Za-z.])re"};
  for (const auto& s : sources()) {
    if (s.path.filename() == "tidy_test.cpp") continue;
    for (const auto& line : s.lines) EXPECT_FALSE(machine.found_in(line)) << s.path << ": " << line;
  }
}

}  // namespace
}  // namespace chromatin::test
