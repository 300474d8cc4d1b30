// docs/rpc.md names everything of the schema, and every error.

#include <set>

#include <gtest/gtest.h>

#include "actors/error.hpp"
#include "tests/documents/blocks.hpp"
#include "tests/support/pattern.hpp"

namespace chromatin::test {
namespace {

std::set<std::string> words_in(const std::string& text, const pattern& form) {
  std::set<std::string> all;
  for (const auto& found : form.all_in(text)) all.insert(found[1]);
  return all;
}

TEST(RpcDocument, NamesEveryCallFieldAndError) {
  auto document = content_of("docs/rpc.md"), schema = content_of("schema/chromatin.capnp");
  std::string code;
  for (const auto& span : code_spans(document)) code += span + '\n';
  const pattern word{"([A-Za-z_]+)"}, member{R"(\n\s+([a-zA-Z]+) @[0-9])"};
  auto named = words_in(code, word);
  auto members = words_in(schema, member);
  EXPECT_GT(members.size(), 60u);
  for (const auto& one : members) EXPECT_TRUE(named.contains(one)) << one;
  for (auto error = ec::archived; error <= ec::version_conflict; error = static_cast<ec>(static_cast<int>(error) + 1))
    EXPECT_TRUE(named.contains(to_string(error))) << to_string(error);
}

TEST(RpcDocument, NamesOnlyCallsThatThereAre) {
  auto schema = content_of("schema/chromatin.capnp");
  const pattern call{R"(\n\| `([a-zA-Z]+)\()"};  // a table's first cell
  auto calls = words_in(content_of("docs/rpc.md"), call);
  EXPECT_GE(calls.size(), 11u);
  for (const auto& one : calls) EXPECT_NE(schema.find(one + " @"), schema.npos) << one;
}

}  // namespace
}  // namespace chromatin::test
