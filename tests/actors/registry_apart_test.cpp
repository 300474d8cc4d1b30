// What is kept apart within a tenant, and what can be taken from a conversation that somebody speaks in.

#include <gmock/gmock.h>

#include "tests/actors/desk.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

const std::string taxi_once =
    "I need a taxi to the airport for four people at six in the morning, and a wake-up call. ";
const std::string long_text = taxi_once + taxi_once + taxi_once;

TEST(RegistrySalts, UnderAnotherOneNothingIsFoundOrShared) {
  desk d;
  conversation_ref salted{"tenant", "salted", "of a client"};
  d.talk("talk", long_text, "hi");
  auto prepared = d.ask<prepared_turn>(atom::append_v, salted, turn_id{50}, user(long_text));
  auto plain = d.stored("talk").window;
  EXPECT_EQ(prepared->window.tokens.at(70), plain.tokens.at(70));
  EXPECT_NE(kv::chain(prepared->window, 64).at(0).key, kv::chain(plain, 64).at(0).key);
  d.ask<conversation_info>(atom::settle_v, settlement{salted, 50, d.answered("hi")});
  message_list said{{"user", long_text}, {"assistant", "hi"}};
  auto found = [&](const std::string& salt) {
    return d.ask<matched_conversation>(atom::match_v, std::string{"tenant"}, salt, said)->id;
  };
  EXPECT_EQ(found(""), "talk");
  EXPECT_EQ(found("of a client"), "salted");
  EXPECT_EQ(found("another"), "");
  d.ask<conversation_info>(atom::fork_v, salted, std::string{"copy"}, 1u);
  EXPECT_EQ(d.stored("copy").window.root, d.stored("salted").window.root);
  EXPECT_THAT(d.append("salted", 51, user("and?")).error, HasSubstr("cache_salt"));
  EXPECT_TRUE(d.ask<prepared_turn>(atom::append_v, salted, turn_id{52}, user("and?")).value);
}

TEST(RegistryForks, AForkBesideATurnUnderWayIsWhatWasSettledBeforeIt) {
  desk d;
  d.talk("talk", long_text, "one");
  auto then = d.stored("talk").window;
  d.append("talk", 1, user("And now?"));
  EXPECT_EQ(d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"copy"}, all_messages)->messages, 2u);
  EXPECT_EQ(d.stored("copy").window, then);
  EXPECT_TRUE(d.append("copy", 2, user("And for me?")).value);
  EXPECT_THAT(d.append("talk", 3, user("And for me?")).error, HasSubstr("busy")) << "the turn still has it";
  EXPECT_EQ(d.settle("talk", 1, d.answered("two")).value->messages, 4u);
  EXPECT_EQ(d.settle("copy", 2, d.answered("three")).value->messages, 4u);
}

}  // namespace
}  // namespace chromatin::test
