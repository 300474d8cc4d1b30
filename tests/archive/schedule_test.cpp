// A schedule of recalls: what it says, what is wrong with it, and when a recall has to begin.

#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/schedule.hpp"
#include "tests/support/reason.hpp"
#include "tests/support/temporary_folder.hpp"

namespace chromatin::archive {
namespace {

using namespace std::chrono_literals;
using test::reason;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr lab_time nine_o_clock = std::chrono::sys_days{std::chrono::year{2026} / 12 / 1} + 9h;

wanted_recall line_of(lab_time when, const std::string& id) { return {when, {"clinic", id}}; }
lab_time time_of_line(const std::string& time) { return parse_schedule(time + " clinic a").at(0).when; }

TEST(Schedule, ALineHasATimeATenantAndAConversation) {
  EXPECT_THAT(parse_schedule("# appointments\n"
                             "\n"
                             "2026-12-01T09:00:00Z clinic patient-17\n"
                             "  2026-12-01T09:00:00Z\tclinic   patient#18  # comes earlier\r\n"
                             "   # 2026-12-01T09:00:00Z clinic patient-19\n"
                             "2026-12-02T09:00:00Z clinic patient-17"),
              ElementsAre(line_of(nine_o_clock, "patient-17"), line_of(nine_o_clock, "patient#18"),
                          line_of(nine_o_clock + 24h, "patient-17")));
  EXPECT_THAT(parse_schedule(""), IsEmpty());
}

TEST(Schedule, TimesAreWrittenAsIso8601HasThem) {
  for (const auto* same : {"2026-12-01T09:00:00Z", "2026-12-01T09:00Z", "2026-12-01T10:00+01:00",
                           "2026-12-01T14:45:00+05:45", "2026-11-30T23:00-10:00", "2026-12-01T09:00:00-00:00"})
    EXPECT_EQ(time_of_line(same), nine_o_clock) << same;
  EXPECT_EQ(time_of_line("2028-02-29T23:59:59Z"),
            std::chrono::sys_days{std::chrono::year{2028} / 2 / 29} + 23h + 59min + 59s);
}

TEST(Schedule, ATimeThatIsNoneIsAnErrorWithItsLine) {
  for (const auto* none : {"2026-12-01",
                           "2026-12-01T09:00:00",
                           "2026-12-01T09Z",
                           "2026-13-01T09:00Z",
                           "2026-02-29T09:00Z",
                           "2026-00-01T09:00Z",
                           "2026-12-00T09:00Z",
                           "2026-12-01T24:00Z",
                           "2026-12-01T09:60Z",
                           "2026-12-01T09:00:60Z",
                           "2026-12-01 09:00Z",
                           "2026-12-01T09:00ZZ",
                           "2026-12-01T09:00+24:00",
                           "2026-12-01T09:00+0100",
                           "2026-12-01T09:00:Z",
                           "26-12-01T09:00Z",
                           "2026-12-01T9:00Z",
                           "+026-12-01T09:00Z",
                           "0 9 1 12 *",
                           "tomorrow"})
    EXPECT_THAT(reason([&] { parse_schedule(fmt::format("\n# times\n{} clinic a\n", none)); }),
                HasSubstr("line 3: it begins with no time like 2026-12-01T09:00:00Z"))
        << none;
}

TEST(Schedule, WhatIsNoLineIsAnErrorWithItsLine) {
  const std::string good = "2026-12-01T09:00Z clinic a\n", behind = "line 2: behind the time stand a tenant";
  EXPECT_THAT(reason([&] { parse_schedule(good + "2026-12-01T09:00Z"); }), HasSubstr(behind));
  EXPECT_THAT(reason([&] { parse_schedule(good + "2026-12-01T09:00Z clinic # a"); }), HasSubstr(behind));
  EXPECT_THAT(reason([&] { parse_schedule(good + "2026-12-01T09:00Z clinic a b"); }), HasSubstr(behind));
  EXPECT_EQ(reason([&] { parse_schedule(good + std::string(3, '\0')); }), "line 2: it is not text");
  EXPECT_EQ(reason([&] { parse_schedule(good + "2026-12-01T09:00Z clinic \x1b[2J"); }), "line 2: it is not text");
  const auto long_name = "2026-12-01T09:00Z clinic " + std::string(129, 'a');
  EXPECT_EQ(reason([&] { parse_schedule(good + long_name); }), "line 2: a name has at most 128 bytes");
}

TEST(Schedule, HasSoManyLinesAndNotOneMore) {
  std::string all;
  for (std::size_t i = 0; i < schedule_lines_max; ++i) all += fmt::format("2026-12-01T09:00Z c {}\n", i);
  EXPECT_EQ(parse_schedule(all + "# the end").size(), schedule_lines_max);
  EXPECT_EQ(reason([&] { parse_schedule(all + "2026-12-01T09:00Z c more"); }),
            "line 10001: a schedule has at most 10000 lines");
}

// -- in a file --

struct written_schedule {
  test::temporary_folder folder;
  std::filesystem::path file = folder / "recalls";

  void write(const std::string& text) const { std::ofstream{file} << text; }
};
constexpr auto at_nine = "2026-12-01T09:00Z clinic a\n", an_hour_later = "2026-12-01T10:00Z clinic a\n";

TEST(ScheduleFile, IsReadAgainWhenItSaysSomethingElse) {
  const written_schedule on;
  on.write(at_nine);
  schedule_file file{on.file};
  const auto first = file.look().lines;
  EXPECT_THAT(*first, ElementsAre(line_of(nine_o_clock, "a")));
  EXPECT_EQ(file.look().lines, first) << "the same pointer: nothing to do";
  on.write(an_hour_later);  // as long as before, and perhaps in the same tick of the file system's clock
  EXPECT_THAT(*file.look().lines, ElementsAre(line_of(nine_o_clock + 1h, "a")));
}

TEST(ScheduleFile, OneThatIsDamagedLaterChangesNothingAndSaysWhy) {
  const written_schedule on;
  on.write(at_nine);
  schedule_file file{on.file};
  on.write(std::string{an_hour_later} + "tomorrow clinic b\n");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(*file.look().lines, ElementsAre(line_of(nine_o_clock, "a"))) << "all of it, or nothing";
    EXPECT_THAT(file.look().trouble, testing::StartsWith(on.file.string() + ": line 2: "));
  }
  std::filesystem::remove(on.file);
  EXPECT_THAT(*file.look().lines, ElementsAre(line_of(nine_o_clock, "a")));
  EXPECT_EQ(file.look().trouble, on.file.string() + ": No such file or directory");
  on.write(an_hour_later);
  EXPECT_EQ(file.look().trouble, "");
  EXPECT_THAT(*file.look().lines, ElementsAre(line_of(nine_o_clock + 1h, "a")));
}

TEST(ScheduleFile, OneThatCannotBeReadAtTheStartIsAnError) {
  const written_schedule on;
  const auto why = [&] { return reason([&] { schedule_file{on.file}; }); };
  EXPECT_EQ(why(), on.file.string() + ": No such file or directory");
  on.write("tomorrow clinic b\n");
  EXPECT_THAT(why(), testing::StartsWith(on.file.string() + ": line 1: "));
  on.write(std::string(schedule_bytes_max + 1, '\n'));
  EXPECT_EQ(why(), on.file.string() + ": a schedule has at most 1048576 bytes");
  std::filesystem::remove(on.file);
  std::filesystem::create_directory(on.file);
  EXPECT_EQ(why(), on.file.string() + ": is no file");
}

// -- what is to be done --

std::vector<std::string> names(const std::vector<agenda::due_recall>& all) {
  std::vector<std::string> found;
  for (const auto& one : all) found.push_back(one.line.which.id + (one.first ? "" : " again"));
  return found;
}

TEST(Agenda, ARecallIsDueSoLongBeforeItsTimeAndNoMoreBehindIt) {
  agenda all;
  EXPECT_EQ(all.replace({line_of(nine_o_clock, "a"), line_of(nine_o_clock + 1h, "b")}, nine_o_clock - 48h), 0u);
  EXPECT_THAT(names(all.due(nine_o_clock - 37h, 36h, 9)), IsEmpty());
  EXPECT_THAT(names(all.due(nine_o_clock - 36h, 36h, 9)), ElementsAre("a"));
  EXPECT_THAT(names(all.due(nine_o_clock - 35h, 36h, 9)), ElementsAre("b", "a again"));
  EXPECT_THAT(names(all.due(nine_o_clock, 36h, 9)), ElementsAre("b again", "a again")) << "a has been given twice";
  EXPECT_THAT(names(all.due(nine_o_clock + 1s, 36h, 9)), ElementsAre("b again"));
  EXPECT_THAT(names(all.due(nine_o_clock + 2h, 36h, 9)), IsEmpty());
}

TEST(Agenda, WhatHasBegunIsNotDueAgainThoughOtherLinesChange) {
  agenda all;
  const auto a = line_of(nine_o_clock, "a"), b = line_of(nine_o_clock, "b");
  all.replace({a}, nine_o_clock - 36h);
  all.begun(a);
  all.begun(b);  // of an earlier version
  EXPECT_THAT(names(all.due(nine_o_clock, 36h, 9)), IsEmpty());
  all.replace({b, a}, nine_o_clock);
  EXPECT_THAT(names(all.due(nine_o_clock, 36h, 9)), ElementsAre("b"));
  all.replace({line_of(nine_o_clock + 1h, "a")}, nine_o_clock);
  EXPECT_THAT(names(all.due(nine_o_clock, 36h, 9)), ElementsAre("a")) << "another time is another line";
}

TEST(Agenda, NewLinesThatAreOverAreCountedOnce) {
  agenda all;
  const auto a = line_of(nine_o_clock, "a"), b = line_of(nine_o_clock + 1h, "b");
  EXPECT_EQ(all.replace({a, a, b}, nine_o_clock + 1s), 1u);
  EXPECT_EQ(all.replace({a, b}, nine_o_clock + 2h), 0u) << "both were known";
  EXPECT_EQ(all.replace({a, b, line_of(nine_o_clock, "c")}, nine_o_clock + 2h), 1u);
}

TEST(Agenda, OfManyThatAreDueEachIsGivenInTurn) {
  agenda all;
  schedule lines;
  for (const auto* id : {"a", "b", "c"}) lines.push_back(line_of(nine_o_clock, id));
  all.replace(lines, nine_o_clock);
  EXPECT_THAT(names(all.due(nine_o_clock, 1h, 2)), ElementsAre("a", "b"));
  EXPECT_THAT(names(all.due(nine_o_clock, 1h, 2)), ElementsAre("c", "a again"));
  EXPECT_THAT(names(all.due(nine_o_clock, 1h, 2)), ElementsAre("b again", "c again"));
}

}  // namespace
}  // namespace chromatin::archive
