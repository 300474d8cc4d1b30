// The trip by hand in docs/dna.md, against the real binary.

#include <gtest/gtest.h>

#include "tests/documents/blocks.hpp"
#include "tests/documents/sandbox.hpp"

namespace chromatin::test {
namespace {

TEST(SpoolFolder, TheTripByHandDoesWhatTheDocumentSays) {
  const auto all = content_of("docs/dna.md");
  const auto begin = all.find("\n### By hand\n");
  ASSERT_NE(begin, all.npos);
  const auto section = all.substr(begin, all.find("\n## ", begin) - begin);
  sandbox here;
  int commands = 0;
  for (const auto& one : blocks_of(section)) {
    ++commands;
    const auto [status, said] = here.run(one.text);
    ASSERT_EQ(status, 0) << one.text << said;
    for (const auto& pattern : one.prints) EXPECT_NE(said.find(pattern), said.npos) << one.text << said;
  }
  EXPECT_EQ(commands, 3);
}

}  // namespace
}  // namespace chromatin::test
