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

/// What its archivist tells.
struct archiving_world {
  archiving_world(world_options o, std::shared_ptr<machine> made) : on{std::move(made)}, w{std::move(o), on} {}

  /// Of the jobs, by number.
  std::vector<std::string> states() {
    const auto asked = ask<archive_tickets>(w, atom::archive_v, atom::list_v, std::string{"tenant"});
    w.drain();
    std::vector<std::string> all;
    for (const auto& one : asked->value.value()) all.push_back(one.id + ": " + one.state);
    return all;
  }
  std::int64_t counter(const std::string& name) { return w.counter_now(w.archivist, name); }

  std::shared_ptr<machine> on;
  world w;
};

/// A world that has a schedule. Turns on what is in DNA are refused and start nothing, so that only the schedule does.
struct scheduled_world : archiving_world {
  scheduled_world() : archiving_world{{.archive_schedule = true, .archive = archived_turn::reject}, with_schedule()} {}
  static std::shared_ptr<machine> with_schedule() {
    auto made = std::make_shared<machine>(1, false);
    std::ofstream{made->folder / "schedule"} << "# nothing yet\n";
    return made;
  }
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
  EXPECT_THAT(at.w.stats(at.w.archivist).notes, trouble);
  at.write(second);
  pass(at.w, 50h);
  EXPECT_THAT(at.states(), ElementsAre("first: stored", "second: stored", "first: settled", "second: settled"));
  EXPECT_THAT(at.w.stats(at.w.archivist).notes, testing::Not(trouble));
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

// -- the prediction --

constexpr int short_answer = 4, long_answer = 24;

/// A world whose laboratory takes minutes: a recall that begins 13 minutes before a turn is back in time. People have
/// come back an hour after a short answer, and never after a long one.
struct foreseeing_world : archiving_world {
  explicit foreseeing_world(double expect)
      : archiving_world{{.policy = "predictive", .archive_expect = expect, .archive = archived_turn::reject}, fast()} {
    constexpr int people = 120, away = 60;
    for (int who = 0; who < people + away; ++who) {
      pass(w, 1min, 1min);
      if (who < people) speak("short-" + std::to_string(who), short_answer);
      if (who < people) speak("long-" + std::to_string(who), long_answer);
      if (who >= away) speak("short-" + std::to_string(who - away), long_answer);
    }
  }
  static std::shared_ptr<machine> fast() {
    auto made = std::make_shared<machine>(1, false);
    archive::simulator_options minutes;
    minutes.synthesis_time = minutes.sequencing_time = 10min;
    made->laboratory = std::make_shared<archive::simulator>(minutes);
    return made;
  }
  void speak(const std::string& id, int answer_tokens) {
    EXPECT_EQ(test::speak(w, id, static_cast<std::uint32_t>(answer_tokens)), "");
  }
  /// One who comes back and one who does not; half an hour later both are in DNA.
  void archive_two() {
    speak("comes", short_answer);
    speak("stays", long_answer);
    for (auto id : {"comes", "stays"}) ask<archive_ticket>(w, atom::archive_v, ref(id), false);
    pass(w, 30min, 1min);
    EXPECT_THAT(states(), ElementsAre("comes: stored", "stays: stored"));
    for (auto id : {"comes", "stays"}) EXPECT_THAT(test::speak(w, id), HasSubstr("archived"));
  }
};

TEST(ArchiveForesight, WhoseUserIsLikelyToReturnIsBackBeforeAndTheOthersStay) {
  foreseeing_world in{.5};
  in.archive_two();
  pass(in.w, 29min, 1min);
  EXPECT_THAT(in.states(), ElementsAre("comes: stored", "stays: stored", "comes: settled"));
  EXPECT_EQ(in.counter("recalls_expected"), 1);
  in.speak("comes", long_answer);
  pass(in.w, 3h, 1min);
  EXPECT_EQ(in.counter("recalls_expected"), 1);
}

TEST(ArchiveForesight, WithoutAChanceToActOnNothingComesBack) {
  foreseeing_world in{0};
  in.archive_two();
  pass(in.w, 3h, 1min);
  EXPECT_THAT(in.states(), ElementsAre("comes: stored", "stays: stored"));
  EXPECT_EQ(in.counter("recalls_expected"), 0);
}

TEST(ArchiveForesight, WhatCameBackForNobodyAndGoesAgainStays) {
  foreseeing_world in{.5};
  in.archive_two();
  pass(in.w, 29min, 1min);
  EXPECT_EQ(in.counter("conversations_recalled"), 1);
  ask<archive_ticket>(in.w, atom::archive_v, ref("comes"), false);
  pass(in.w, 30min, 1min);
  EXPECT_THAT(in.states(), ElementsAre("comes: stored", "stays: stored"));
  EXPECT_EQ(in.counter("recalls_expected"), 1);
}

TEST(ArchiveForesight, WhatSomebodyAskedForIsNotAskedForAgain) {
  foreseeing_world in{.5};
  in.archive_two();
  pass(in.w, 6min, 1min);
  ask<archive_ticket>(in.w, atom::recall_v, ref("comes"), false);
  pass(in.w, 23min, 1min);
  EXPECT_THAT(in.states(), ElementsAre("comes: stored", "stays: stored", "comes: settled"));
  EXPECT_EQ(in.counter("recalls_expected"), 0);
}

TEST(ArchiveForesight, WithoutADiskTierNothingIsForeseen) {
  foreseeing_world in{.5};
  in.archive_two();
  in.w.kill(erased(in.w.disk));
  pass(in.w, 29min, 1min);
  EXPECT_THAT(in.states(), ElementsAre("comes: stored", "stays: stored"));
  EXPECT_EQ(in.counter("recalls_expected"), 0);
}

}  // namespace
}  // namespace chromatin::test
