// Every command of the documents, against the real binary.

#include <gtest/gtest.h>

#include "tests/documents/blocks.hpp"
#include "tests/documents/sandbox.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

struct document {
  std::string file;
  std::string before;  ///< what its readers have done already
};

void PrintTo(const document& d, std::ostream* out) { *out << d.file; }

class Commands : public testing::TestWithParam<document> {
 protected:
  void run(const block& b) {
    auto where = GetParam().file + ":" + std::to_string(b.line);
    for (const auto& needed : b.needs)
      if (auto there = here_.run(needed); there.status != 0) {
        std::printf("[ LEFT OUT ] %s: `%s` fails\n", where.c_str(), needed.c_str());
        return;
      }
    auto [status, said] = here_.run(b.text);
    EXPECT_EQ(status, 0) << where << ":\n" << b.text << said;
    for (const auto& wanted : b.prints)
      EXPECT_TRUE(pattern{wanted}.found_in(said)) << where << " does not print " << wanted << ":\n" << said;
  }

  sandbox here_;
};

TEST_P(Commands, DoWhatTheDocumentSays) {
  if (here_.run("export PATH=${PATH#*:}; command -v curl").status != 0) GTEST_SKIP() << "curl is not there";
  if (auto [status, said] = here_.run(GetParam().before); status != 0) FAIL() << said;
  int commands = 0;
  for (const auto& b : blocks_of(content_of(GetParam().file))) {
    if (!b.file.empty()) here_.write(b.file, b.text);
    if (!b.is_command() || !b.not_run.empty()) continue;
    ++commands;
    run(b);
  }
  EXPECT_GT(commands, 0) << "no command was found in " << GetParam().file;
}

INSTANTIATE_TEST_SUITE_P(Of, Commands,
                         testing::Values(document{"README.md", {}}, document{"docs/quickstart.md", {}},
                                         document{"docs/http.md", {}},
                                         document{"docs/operations.md",
                                                  "chromatin serve --disk cache\n"
                                                  "echo 'I need a taxi.' | chromatin chat\n"}),
                         [](const auto& tested) { return pattern{"[^a-zA-Z]"}.replaced(tested.param.file, "_"); });

TEST(Blocks, CommentsAreOfTheBlockThatFollows) {
  auto all = blocks_of(
      "# Title\n\n    chromatin stat\n\ntext\n    no block\n\n<!-- not run: no root -->\n<!-- prints: a|b -->\n"
      "```sh\nmake x\n```\n\n<!-- needs: npm -->\n\ntext between\n\n```js\nlet a;\n```\n\n    output  of something\n");
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].text, "chromatin stat\n");
  EXPECT_EQ(all[0].line, 3u);
  EXPECT_TRUE(all[0].is_command() && all[0].not_run.empty());
  EXPECT_EQ(all[1].not_run, "no root");
  EXPECT_EQ(all[1].prints, std::vector<std::string>{"a|b"});
  EXPECT_EQ(all[1].text, "make x\n");
  EXPECT_TRUE(all[2].needs.empty() && !all[2].is_command());
  EXPECT_FALSE(all[3].is_command());
}

TEST(Blocks, CommandsOfATableAreFoundWhereItSaysSo) {
  std::string row = "| `stat` | `chromatin stat` then `df -h cache` |\n";
  EXPECT_TRUE(blocks_of("\n" + row).empty());
  auto all = blocks_of("<!-- commands of this table are run -->\n" + row);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].text, "df -h cache\n");
  EXPECT_TRUE(all[1].is_command());
}

}  // namespace
}  // namespace chromatin::test
