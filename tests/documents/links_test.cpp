// Links of the documents lead to a file, and to a heading of it.

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/documents/blocks.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> documents() {
  std::vector<fs::path> all{"README.md"};
  for (const auto& entry : fs::directory_iterator(CHROMATIN_SOURCE_DIR "/docs"))
    if (entry.path().extension() == ".md") all.push_back(fs::path{"docs"} / entry.path().filename());
  return all;
}

/// How a heading is named in a link.
std::string anchor_of(const std::string& heading) {
  std::string name;
  for (unsigned char c : heading)
    if (c == ' ')
      name += '-';
    else if (std::isalnum(c) || c == '-' || c == '_')
      name += static_cast<char>(std::tolower(c));
  return name;
}

std::set<std::string> anchors_of(const std::string& document) {
  std::set<std::string> all;
  std::istringstream lines{document};
  for (std::string line; std::getline(lines, line);)
    if (auto at = line.find_first_not_of('#'); at > 0 && at != line.npos && line[at] == ' ')
      all.insert(anchor_of(line.substr(at + 1)));
  return all;
}

TEST(Links, LeadToAFileAndAHeadingOfIt) {
  const pattern link{R"re(\[[^\]]*\]\(([^)\s]+)\))re"};
  int found = 0;
  for (const auto& document : documents()) {
    auto text = content_of(document.string());
    for (const auto& match : link.all_in(text)) {
      const auto& target = match[1];
      if (target.find("://") != target.npos) continue;
      ++found;
      auto mark = std::min(target.find('#'), target.size());
      auto file = mark == 0 ? document : (document.parent_path() / target.substr(0, mark)).lexically_normal();
      EXPECT_TRUE(fs::exists(CHROMATIN_SOURCE_DIR / file)) << document << ": " << target;
      if (mark == target.size()) continue;
      EXPECT_TRUE(anchors_of(content_of(file.string())).contains(target.substr(mark + 1)))
          << document << ": " << target;
    }
  }
  EXPECT_GT(found, 50);
}

}  // namespace
}  // namespace chromatin::test
