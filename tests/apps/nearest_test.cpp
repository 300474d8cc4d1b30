#include "apps/flags/nearest.hpp"

#include <gtest/gtest.h>

namespace chromatin {
namespace {

const std::vector<std::string> commands{"serve", "chat", "stat", "replay", "simulate"};

TEST(Nearest, CountsChangedAddedMissingAndSwappedLetters) {
  EXPECT_EQ(edit_distance("serve", "serve"), 0u);
  EXPECT_EQ(edit_distance("serv", "serve"), 1u);
  EXPECT_EQ(edit_distance("sserve", "serve"), 1u);
  EXPECT_EQ(edit_distance("sarve", "serve"), 1u);
  EXPECT_EQ(edit_distance("sreve", "serve"), 1u);
  EXPECT_EQ(edit_distance("SERVE", "serve"), 0u);
  EXPECT_EQ(edit_distance("", "chat"), 4u);
  EXPECT_EQ(edit_distance("stat", "serve"), 4u);
}

TEST(Nearest, FindsWhatWasMeantAndNothingWhereNothingIsNear) {
  EXPECT_EQ(nearest("serv", commands), "serve");
  EXPECT_EQ(nearest("simualte", commands), "simulate");
  EXPECT_EQ(nearest("cht", commands), "chat");
  EXPECT_EQ(nearest("etc", commands), "");
  EXPECT_EQ(nearest("banana", commands), "");
  EXPECT_EQ(nearest("serve", {}), "");
}

}  // namespace
}  // namespace chromatin
