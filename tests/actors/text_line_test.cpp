// Whose text goes to the registry when.

#include "actors/text_line.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace chromatin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t too_big = text_line::under_way_bytes_max, not_big = 100;

struct TextLine : testing::Test {
  void send(const std::string& tenant, std::size_t bytes, const std::string& name) {
    line.send(tenant, bytes, [this, name] { started.push_back(name); });
  }
  text_line line;
  std::vector<std::string> started;
};

TEST_F(TextLine, SmallTextsGoAtOnce) {
  for (int i = 0; i < 50; ++i) send("alice", not_big, "a");
  EXPECT_EQ(started.size(), 50u);
}

TEST_F(TextLine, BigTextsOfATenantGoOneAfterTheOtherAndOthersDoNotWaitForThem) {
  for (auto name : {"a1", "a2", "a3"}) send("alice", 4 * too_big, name);
  send("bob", not_big, "b");
  EXPECT_THAT(started, ElementsAre("a1", "b"));
  line.arrived("alice", 4 * too_big);
  EXPECT_THAT(started, ElementsAre("a1", "b", "a2"));
  EXPECT_EQ(line.waiting(), 1u);
}

TEST_F(TextLine, ATextDoesNotOvertakeABiggerOneOfItsTenant) {
  send("alice", too_big, "a1");
  send("alice", too_big, "a2");
  send("alice", not_big, "a3");
  EXPECT_THAT(started, ElementsAre("a1"));
  line.arrived("alice", too_big);
  EXPECT_THAT(started, ElementsAre("a1", "a2"));
  line.arrived("alice", too_big);
  EXPECT_THAT(started, ElementsAre("a1", "a2", "a3"));
}

TEST_F(TextLine, WhatArrivesInItsOwnStartLetsTheNextGo) {
  send("alice", too_big, "a1");
  for (int i = 0; i < 3; ++i)
    line.send("alice", too_big, [this] {
      started.push_back("gone");
      line.arrived("alice", too_big);
    });
  EXPECT_THAT(started, ElementsAre("a1"));
  line.arrived("alice", too_big);
  EXPECT_THAT(started, ElementsAre("a1", "gone", "gone", "gone"));
  EXPECT_EQ(line.waiting(), 0u);
  started.clear();
  send("alice", too_big, "again");
  EXPECT_THAT(started, ElementsAre("again"));
}

}  // namespace
}  // namespace chromatin
