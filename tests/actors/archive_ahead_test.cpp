// Recalls that begin ahead of the turn, in the whole system under a virtual clock.

#include <fstream>

#include <gmock/gmock.h>

#include "tests/actors/archiving.hpp"
#include "tests/support/schedule_line.hpp"

namespace chromatin::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// A world that has a schedule. Turns on what is in DNA are refused and start nothing, so that only the schedule does.
struct scheduled_world {
  void write(const std::string& text) const { std::ofstream{on->folder / "schedule"} << text; }
  /// A line that wants it back in so long.
  std::string line(const std::string& id, std::chrono::seconds in, const std::string& tenant = "tenant") {
    return schedule_line(w.laboratory_time() + in, tenant, id);
  }
  /// Says something in each, and archives them: it takes half a month.
  void archive(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
      EXPECT_EQ(speak(w, id), "");
      ask<archive_ticket>(w, atom::archive_v, ref(id), false);
    }
    pass(w, 17 * 24h);
    for (const auto& id : ids) EXPECT_THAT(speak(w, id), HasSubstr("archived: the conversation " + id));
  }
  /// Of the jobs, by number.
  std::vector<std::string> states() {
    const auto asked = ask<archive_tickets>(w, atom::archive_v, atom::list_v, std::string{"tenant"});
    w.drain();
    std::vector<std::string> all;
    for (const auto& one : asked->value.value()) all.push_back(one.id + ": " + one.state);
    return all;
  }
  counters stats() {
    counters all;
    w.system.spawn([&](caf::event_based_actor* self) {
      self->request(w.archivist, caf::infinite, atom::stats_v).then([&](const counters& c) { all = c; });
    });
    w.drain();
    return all;
  }
  std::int64_t counter(const std::string& name) {
    for (const auto& [key, value] : stats().values)
      if (key == name) return value;
    return -1;
  }

  std::shared_ptr<machine> on = [] {
    auto made = std::make_shared<machine>(1, false);
    std::ofstream{made->folder / "schedule"} << "# nothing yet\n";
    return made;
  }();
  world w{{.archive_schedule = true, .archive = archived_turn::reject}, on};
};

TEST(ArchiveAhead, WhatIsScheduledIsBackAtItsTimeAndDoesNotLeaveDnaMuchEarlier) {
  scheduled_world at;
  at.archive({"talk"});
  at.write(at.line("talk", 100h));
  pass(at.w, 63h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored")) << "36 hours are enough";
  pass(at.w, 1h, 1min);
  EXPECT_EQ(at.states().size(), 2u);
  EXPECT_EQ(at.counter("recalls_scheduled"), 1);
  pass(at.w, 36h - 1min, 1min);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "talk: settled")) << "a minute before it is wanted";
  EXPECT_EQ(speak(at.w, "talk"), "");
  pass(at.w, 24h);
  EXPECT_EQ(at.counter("recalls_scheduled"), 1);
}

TEST(ArchiveAhead, ARecallThatIsUnderWayIsJoined) {
  scheduled_world at;
  at.archive({"talk"});
  at.write(at.line("talk", 20h));
  ask<archive_ticket>(at.w, atom::recall_v, ref("talk"), false);
  pass(at.w, 40h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "talk: settled"));
  EXPECT_EQ(at.counter("recalls_scheduled"), 0);
}

TEST(ArchiveAhead, OfALineOneRecallBeginsThoughTheConversationIsArchivedAgain) {
  scheduled_world at;
  at.archive({"talk"});
  ask<archive_ticket>(at.w, atom::recall_v, ref("talk"), false);
  pass(at.w, 10h);
  const auto line = at.line("talk", 36h);
  at.write(line);  // joins that one, which is back ten hours before
  pass(at.w, 28h);
  EXPECT_EQ(at.counter("conversations_recalled"), 1);
  ask<archive_ticket>(at.w, atom::archive_v, ref("talk"), false);
  at.write("# changed\n" + line);
  pass(at.w, 7h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored"));
  EXPECT_EQ(at.counter("recalls_scheduled"), 0);
}

TEST(ArchiveAhead, AScheduleThatIsDamagedStaysAsItWasUntilItIsMended) {
  const auto trouble = testing::Contains(HasSubstr("the schedule of recalls stays as it was: "));
  scheduled_world at;
  at.archive({"first", "second"});
  const auto first = at.line("first", 41h), second = at.line("second", 90h);
  at.write(first);
  pass(at.w, 1h);
  at.write(second + "tomorrow tenant second\n");
  pass(at.w, 43h);
  EXPECT_THAT(at.states(), ElementsAre("first: stored", "second: stored", "first: settled"));
  EXPECT_THAT(at.stats().notes, trouble);
  at.write(second);
  pass(at.w, 50h);
  EXPECT_THAT(at.states(), ElementsAre("first: stored", "second: stored", "first: settled", "second: settled"));
  EXPECT_THAT(at.stats().notes, testing::Not(trouble));
}

TEST(ArchiveAhead, LinesForWhatIsNotThereNotArchivedOrOverHurtNobody) {
  scheduled_world at;
  at.archive({"talk", "late"});
  EXPECT_EQ(speak(at.w, "here"), "");
  at.write(at.line("none", 1h) + at.line("talk", 1h, "nobody") + at.line("here", 1h) + at.line("late", -1min) +
           at.line("talk", 1h));
  pass(at.w, 40h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "late: stored", "talk: settled"));
  EXPECT_EQ(speak(at.w, "here"), "");
}

TEST(ArchiveAhead, AConversationThatGoesIntoDnaWhileItIsDueComesBack) {
  scheduled_world at;
  EXPECT_EQ(speak(at.w, "talk"), "");
  ask<archive_ticket>(at.w, atom::archive_v, ref("talk"), false);
  pass(at.w, 15 * 24h);
  at.write(at.line("talk", 37h));
  pass(at.w, 1h);
  EXPECT_THAT(at.states(), ElementsAre("talk: ordered")) << "it is here still";
  pass(at.w, 30h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "talk: sequencing"));
  EXPECT_EQ(at.counter("recalls_scheduled"), 1);
}

TEST(ArchiveAhead, OneThatCameBackEarlierAndGoesAgainBeforeItsTimeComesBack) {
  scheduled_world at;
  at.archive({"talk"});
  ask<archive_ticket>(at.w, atom::recall_v, ref("talk"), false);
  pass(at.w, 38h);
  at.write(at.line("talk", 37h));
  pass(at.w, 1h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "talk: settled"));
  ask<archive_ticket>(at.w, atom::archive_v, ref("talk"), false);
  pass(at.w, 2h);
  EXPECT_THAT(at.states(), ElementsAre("talk: stored", "talk: sequencing"));
  EXPECT_EQ(at.counter("recalls_scheduled"), 1);
}

}  // namespace
}  // namespace chromatin::test
