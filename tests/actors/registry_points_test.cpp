// Points of conversations that have names, conversations that nobody named, and turns that say what they go on from.

#include <map>

#include <gmock/gmock.h>

#include "tests/actors/desk.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(RegistryPoints, ConversationsThatNobodyNamedMakeRoomOldestFirst) {
  desk d{0, {.conversations_max = 3}};
  struct log {
    key_list erased;
  };
  auto erased = std::make_shared<log>();
  auto tiers = d.system.spawn([erased](eraser_actor::pointer) -> eraser_actor::behavior_type {
    return {[erased](atom::erase, const key_list& keys) { erased->erased = keys; }};
  });
  caf::anon_send(d.registry, atom::attach_v, tiers);
  d.talk("http-1", "hello", "hi");
  auto first = d.talk("http-2", "a text that is longer than the others", "hi");
  d.talk("named", "hello", "hi");
  d.talk("http-1", "and now?", "hi");
  d.talk("another", "hello", "hi");
  EXPECT_FALSE(d.store->find({"tenant", "http-2"})) << "it was the oldest";
  EXPECT_TRUE(d.store->find({"tenant", "http-1"}));
  EXPECT_FALSE(erased->erased.empty()) << "what only it had leaves the tiers";
  EXPECT_TRUE(
      d.ask<conversation_info>(atom::fork_v, conversation_ref{"tenant", "named"}, std::string{"http-3"}, 1u).value);
  EXPECT_FALSE(d.store->find({"tenant", "http-1"}));
  d.append("http-3", 50, user("under way"));
  EXPECT_THAT(d.append("http-4", 51, user("hello")).error, HasSubstr("no_room")) << "all that is left is named or busy";
  d.settle("http-3", 50, d.answered("hi"));
  EXPECT_TRUE(d.append("http-4", 52, user("hello")).value);
  EXPECT_TRUE(d.store->find({"tenant", "named"}));
  EXPECT_EQ(d.store->conversations_of("tenant"), 2);
  caf::anon_send_exit(tiers, caf::exit_reason::user_shutdown);
}

TEST(RegistryPoints, ATurnThatGoesOnFromOtherMessagesThanItKnowsIsBusy) {
  desk d;
  d.talk("talk", "hello", "hi");
  auto append = [&](turn_id turn, const std::string& id, std::uint32_t known) {
    return d.ask<prepared_turn>(atom::append_v, conversation_ref{"tenant", id}, turn, user("and?"), known);
  };
  EXPECT_THAT(append(1, "talk", 0).error, HasSubstr("busy"));
  EXPECT_THAT(append(2, "talk", 4).error, HasSubstr("busy"));
  EXPECT_THAT(append(3, "gone", 2).error, HasSubstr("busy"));
  EXPECT_TRUE(append(4, "talk", 2).value);
  EXPECT_TRUE(append(5, "fresh", 0).value);
}

TEST(RegistryPoints, APointIsFoundByItsNameAndTakesAnUnnamedConversationWithIt) {
  desk d;
  d.talk("http-1", "hello", "hi");
  auto put = [&](const std::string& name, const std::string& id, std::uint32_t messages) {
    std::string outcome = "no answer";
    d.system.spawn([&](caf::event_based_actor* self) {
      self->request(d.registry, caf::infinite, atom::point_v, std::string{"tenant"}, name,
                    conversation_point{id, messages, "note"})
          .then([&] { outcome = "done"; }, [&](const caf::error& error) { outcome = explain(error); });
    });
    d.run();
    return outcome;
  };
  auto find = [&](const std::string& name) {
    return d.ask<conversation_point>(atom::point_v, std::string{"tenant"}, name);
  };
  auto forget = [&](const std::string& name) {
    return d.ask<key_list>(atom::point_v, atom::forget_v, std::string{"tenant"}, name);
  };
  EXPECT_THAT(put("a", "http-1", 3), HasSubstr("no_conversation"));
  EXPECT_EQ(put("a", "http-1", 2), "done");
  EXPECT_EQ(put("b", "http-1", 2), "done");
  EXPECT_EQ(*find("a"), (conversation_point{"http-1", 2, "note"}));
  EXPECT_THAT(find("c").error, HasSubstr("no_conversation"));
  EXPECT_TRUE(forget("a")->empty());
  EXPECT_TRUE(d.store->find({"tenant", "http-1"}));
  EXPECT_FALSE(forget("b")->empty());
  EXPECT_FALSE(d.store->find({"tenant", "http-1"}));
  EXPECT_THAT(forget("b").error, HasSubstr("no_conversation"));
}

TEST(RegistryPoints, AConversationKnowsWhenItWasMadeAndWhatItsClientPutBesideIt) {
  auto now_s = std::make_shared<std::int64_t>(1000);
  desk d{0, {.wall_clock_s = [now_s] { return *now_s; }}};
  auto label_of = [&](const std::string& id) {
    return d.ask<conversation_label>(atom::label_v, conversation_ref{"tenant", id});
  };
  auto put = [&](const std::string& id) {
    return d.ask<conversation_label>(atom::label_v, conversation_ref{"tenant", id}, std::string{"mine"});
  };
  EXPECT_THAT(label_of("said").error, HasSubstr("no_conversation"));
  EXPECT_THAT(put("said").error, HasSubstr("no_conversation"));
  d.talk("said", "hello", "hi");
  *now_s = 2000;
  d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "opened"}, std::string{});
  EXPECT_EQ(*put("said"), (conversation_label{1000, "mine"}));
  d.talk("said", "and now?", "hi");
  d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "said"}, std::string{});
  d.ask<conversation_info>(atom::fork_v, conversation_ref{"tenant", "said"}, std::string{"copy"}, 2u);
  d.restart();
  EXPECT_EQ(*label_of("said"), (conversation_label{1000, "mine"}));
  EXPECT_EQ(*label_of("opened"), (conversation_label{2000, {}}));
  EXPECT_EQ(*label_of("copy"), (conversation_label{2000, {}}));
  auto all = d.ask<conversation_list>(atom::list_v, std::string{"tenant"}, std::string{}, 9u);
  std::map<std::string, conversation_label> listed;
  for (const auto& one : *all) listed[one.id] = {one.created_s, one.metadata};
  EXPECT_THAT(listed,
              ElementsAre(Pair("copy", conversation_label{2000, {}}), Pair("opened", conversation_label{2000, {}}),
                          Pair("said", conversation_label{1000, "mine"})));
}

}  // namespace
}  // namespace chromatin::test
