// Conversations go into DNA and come back, in the whole system under a virtual clock.

#include <gmock/gmock.h>

#include "tests/actors/archiving.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

world_options with_archive(archived_turn how) {
  world_options o;
  o.archive = how;
  return o;
}

TEST(Archive, ATurnThatWaitsForARecallGoesOnAsIfTheConversationHadNeverLeft) {
  world undisturbed;
  for (int i = 0; i < 3; ++i) answer_of(undisturbed, "talk", i);
  world w{with_archive(archived_turn::wait)};
  for (int i = 0; i < 3; ++i) answer_of(w, "talk", i);
  const auto begun = w.system.clock().now();
  EXPECT_EQ(archive(w, "talk").state, "planned");
  EXPECT_GT(w.system.clock().now() - begun, std::chrono::days{15}) << "synthesis, and reads to check it";
  EXPECT_THAT(tickets(w), ElementsAre(testing::Field(&archive_ticket::state, "stored")));
  EXPECT_TRUE(w.messages("talk").empty()) << "the copy is gone";
  const auto asked = w.system.clock().now();
  EXPECT_EQ(answer_of(w, "talk", 3), answer_of(undisturbed, "talk", 3));
  EXPECT_GT(w.system.clock().now() - asked, std::chrono::hours{36});
  EXPECT_EQ(answer_of(w, "talk", 4), answer_of(undisturbed, "talk", 4));
}

TEST(Archive, ATurnGetsATicketAtOnceAndTheConversationIsBackWhenItSays) {
  world w{with_archive(archived_turn::ticket)};
  answer_of(w, "talk", 0);
  const auto before = said_in(w, "talk");
  archive(w, "talk");
  const auto turn = w.say("talk", quiet_room, 8);
  w.drain();
  ASSERT_TRUE(w.outcome(turn).done) << "it does not wait for the laboratory";
  EXPECT_THAT(w.outcome(turn).error, HasSubstr("archived: recall 2 of the conversation talk is asked, expected "));
  EXPECT_THAT(w.outcome(turn).error, HasSubstr("(simulated) [retry_after_ms="));
  const auto again = ask<archive_ticket>(w, atom::recall_v, ref("talk"), false);
  w.drain();
  ASSERT_TRUE(again->value);
  EXPECT_EQ(again->value->number, 2u);
  EXPECT_NEAR(static_cast<double>(again->value->left_s), 36.0 * 3600, 120);
  w.run();
  EXPECT_EQ(said_in(w, "talk"), before);
  EXPECT_THAT(tickets(w), ElementsAre(testing::Field(&archive_ticket::state, "stored"),
                                      testing::Field(&archive_ticket::state, "settled")));
}

TEST(Archive, ATurnThatIsRefusedStartsNothing) {
  world w{with_archive(archived_turn::reject)};
  answer_of(w, "talk", 0);
  archive(w, "talk");
  const auto turn = w.say("talk", quiet_room, 8);
  w.run();
  EXPECT_EQ(w.outcome(turn).error, "archived: the conversation talk is in DNA");
  EXPECT_THAT(tickets(w), testing::SizeIs(1));
}

TEST(Archive, OpeningAnArchivedConversationBringsItBack) {
  world w{with_archive(archived_turn::ticket)};
  answer_of(w, "talk", 0);
  archive(w, "talk");
  const auto opened = ask<conversation_info>(w, atom::open_v, ref("talk"), std::string{});
  w.run();
  EXPECT_THAT(opened->error, HasSubstr("archived: recall 2"));
  EXPECT_EQ(w.messages("talk").size(), 2u);
}

TEST(Archive, RecallsThatAreAskedForWithinTheWindowShareAPcr) {
  world w{with_archive(archived_turn::wait)};
  for (const auto* id : {"a", "b", "c"}) answer_of(w, id, 0);
  std::vector<std::shared_ptr<archive_reply<archive_ticket>>> asked;
  for (const auto* id : {"a", "b", "c"}) asked.push_back(ask<archive_ticket>(w, atom::archive_v, ref(id), false));
  w.run();
  EXPECT_EQ(w.counter(w.archivist, "pcrs_ordered"), 1) << "all three were checked at once";
  std::vector<turn_id> turns;
  for (const auto* id : {"a", "b", "c"}) {
    turns.push_back(w.say(id, quiet_room, 8));
    w.drain();
    w.scheduler_thread.advance_time(std::chrono::seconds{10});
  }
  const auto begun = w.system.clock().now();
  w.run();
  for (auto turn : turns) EXPECT_EQ(w.outcome(turn).error, "");
  EXPECT_LT(w.system.clock().now() - begun, std::chrono::hours{38}) << "one after the other takes three times as long";
  EXPECT_EQ(w.counter(w.archivist, "pcrs_ordered"), 2) << "and came back at once";
}

TEST(Archive, WhatIsSaidMeanwhileKeepsTheCopyAndIsArchivedNext) {
  world w{with_archive(archived_turn::wait)};
  answer_of(w, "talk", 0);
  const auto asked = ask<archive_ticket>(w, atom::archive_v, ref("talk"), false);
  for (int i = 0; i < 8; ++i) {  // into the synthesis
    w.drain();
    w.scheduler_thread.advance_time(std::chrono::hours{1});
  }
  const auto turn = w.say("talk", quiet_room, 8);
  w.drain();
  EXPECT_EQ(w.outcome(turn).error, "");
  w.run();
  EXPECT_EQ(tickets(w).at(0).state, "stored");
  EXPECT_EQ(w.messages("talk").size(), 4u) << "what is in DNA is older";
  archive(w, "talk");
  EXPECT_THAT(tickets(w), ElementsAre(testing::Field(&archive_ticket::number, 2u)))
      << "the older one is not told any more";
  EXPECT_TRUE(w.messages("talk").empty());
  answer_of(w, "talk", 2);
  EXPECT_EQ(w.messages("talk").size(), 6u);
}

TEST(Archive, WhatWasRecalledAndNotContinuedGoesAgainWithoutTheLaboratory) {
  world w{with_archive(archived_turn::ticket)};
  for (int i = 0; i < 2; ++i) answer_of(w, "talk", i);
  archive(w, "talk");
  const auto recall = ask<archive_ticket>(w, atom::recall_v, ref("talk"), false);
  w.run();
  ASSERT_EQ(w.messages("talk").size(), 4u);
  const auto reads = w.counter(w.archivist, "reads_ordered");
  EXPECT_EQ(archive(w, "talk").state, "stored");
  EXPECT_TRUE(w.messages("talk").empty());
  EXPECT_EQ(w.counter(w.archivist, "reads_ordered"), reads);
}

TEST(Archive, ForgettingEndsARecallAndNothingComesBack) {
  world w{with_archive(archived_turn::wait)};
  answer_of(w, "talk", 0);
  archive(w, "talk");
  const auto turn = w.say("talk", quiet_room, 8);
  w.drain();
  w.forget("talk");
  EXPECT_THAT(w.outcome(turn).error, HasSubstr("no_conversation"));
  EXPECT_TRUE(tickets(w).empty());
  EXPECT_TRUE(w.messages("talk").empty());
  EXPECT_EQ(w.counter(w.archivist, "conversations_recalled"), 0);
}

TEST(Archive, ATurnThatIsCancelledWhileItWaitsEndsAndTheRecallGoesOn) {
  world w{with_archive(archived_turn::wait)};
  answer_of(w, "talk", 0);
  archive(w, "talk");
  const auto turn = w.say("talk", quiet_room, 8);
  w.drain();
  caf::anon_send(w.gateway, atom::cancel_v, turn);
  w.drain();
  EXPECT_THAT(w.outcome(turn).error, HasSubstr("cancelled"));
  w.run();
  EXPECT_EQ(w.messages("talk").size(), 2u);
}

TEST(Archive, AServerThatStartsAgainGoesOnWithItsJobs) {
  auto options = with_archive(archived_turn::wait);
  options.durable = true;
  auto on = std::make_shared<machine>(1, true);
  std::vector<std::string> answers;
  {
    world w{options, on};
    answer_of(w, "talk", 0);
    const auto asked = ask<archive_ticket>(w, atom::archive_v, ref("talk"), false);
    w.drain();
    EXPECT_TRUE(asked->value);
    w.power_cut();
  }
  {
    world w{options, on};
    w.run();
    EXPECT_EQ(tickets(w).at(0).state, "stored");
    EXPECT_TRUE(w.messages("talk").empty());
    w.say("talk", quiet_room, 8);
    w.drain();
    w.power_cut();
  }
  {
    world w{options, on};
    w.run();
    EXPECT_EQ(w.messages("talk").size(), 2u) << "the recall went on, though nobody waits any more";
  }
  world w{options, on};
  w.run();
  EXPECT_EQ(w.messages("talk").size(), 2u) << "what came back stays, though it is in DNA, too";
}

TEST(Archive, WhatIsIdleGoesByItselfAndWhatIsNotStays) {
  auto options = with_archive(archived_turn::reject);
  options.archive_idle = std::chrono::hours{24};
  world w{options};
  for (const auto* id : {"idle", "busy"}) EXPECT_EQ(speak(w, id), "");
  for (int day = 0; day < 20; ++day) {
    pass(w, std::chrono::hours{20});
    EXPECT_EQ(speak(w, "busy"), "") << day;
  }
  EXPECT_THAT(speak(w, "idle"), HasSubstr("archived"));
}

TEST(Archive, WithoutOneTheServerSaysHowToHaveOne) {
  world w;
  answer_of(w, "talk", 0);
  const auto asked = ask<archive_ticket>(w, atom::archive_v, ref("talk"), false);
  w.run();
  EXPECT_THAT(asked->error, HasSubstr("--dna FOLDER"));
}

}  // namespace
}  // namespace chromatin::test
