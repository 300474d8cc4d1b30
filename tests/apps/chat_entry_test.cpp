// What somebody types into chat: a message or a command, of one line or several.

#include "apps/chat/entry.hpp"

#include <sstream>

#include <gmock/gmock.h>

#include "apps/chat/input.hpp"
#include "apps/chat/words.hpp"

namespace chromatin::chat {
namespace {

using kind = entry::kind;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ChatEntry, APathIsAMessage) {
  for (const auto* text : {"/usr/bin/python3 crashes", "/dev/null", "/", "/ what is this?", "//comment", "/3"})
    EXPECT_EQ(read_entry(text).text, text) << "a message";
}

TEST(ChatEntry, ACommandHasWhatStandsBehindIt) {
  auto open = read_entry("/open  my talk ");
  EXPECT_EQ(open.what, kind::command);
  EXPECT_EQ(open.verb, "open");
  EXPECT_EQ(open.rest, "my talk");
  EXPECT_THAT(read_entry("/quit").rest, IsEmpty());
  EXPECT_EQ(read_entry("/edit 3 one\ntwo").rest, "3 one\ntwo");
}

TEST(ChatEntry, AnUnknownCommandIsNamedWithTheNearestOne) {
  EXPECT_EQ(read_entry("/shwo").what, kind::unknown_command);
  EXPECT_THAT(explain_unknown("shwo"), HasSubstr("/shwo is no command, did you mean /show?"));
  EXPECT_EQ(read_entry("/home is where I live").what, kind::unknown_command);
  EXPECT_THAT(explain_unknown("home"), HasSubstr("/home is no command; /help lists them"));
  EXPECT_EQ(read_entry("/unknown words\nin pasted lines").what, kind::message);
}

TEST(ChatEntry, ABlankBeforeTheSlashMakesAMessageOfIt) {
  auto said = read_entry(" /quit");
  EXPECT_EQ(said.what, kind::message);
  EXPECT_EQ(said.text, "/quit");
  EXPECT_EQ(read_entry("  \t").what, kind::nothing);
  EXPECT_EQ(read_entry("").what, kind::nothing);
}

TEST(ChatEntry, HelpHasEveryCommand) {
  for (const auto& c : commands()) {
    EXPECT_THAT(help_text(), HasSubstr("/" + std::string{c.name}));
    EXPECT_EQ(read_entry("/" + std::string{c.name}).what, kind::command);
  }
}

TEST(ChatLines, EndsOfEveryKindAreOne) {
  EXPECT_EQ(with_plain_line_ends("a\r\nb\rc\nd\r"), "a\nb\nc\nd\n");
  EXPECT_EQ(with_plain_line_ends("\r\r\n"), "\n\n");
}

TEST(ChatLines, ATrailingBackslashGoesOnAndTwoDoNot) {
  auto taken = [](std::string line) { return std::pair{take_continuation(line), line}; };
  EXPECT_EQ(taken("one\\"), std::pair(true, std::string{"one"}));
  EXPECT_EQ(taken("one\\\\"), std::pair(false, std::string{"one\\\\"}));
  EXPECT_EQ(taken("one\\\\\\"), std::pair(true, std::string{"one\\\\"}));
  EXPECT_EQ(taken("\\"), std::pair(true, std::string{}));
  EXPECT_EQ(taken(""), std::pair(false, std::string{}));
}

TEST(ChatLines, ThroughAPipeAMessageIsALineAndThoseItGoesOnIn) {
  std::istringstream lines{"one\\\r\ntwo\r\nthree\nlast\\"};
  auto from = make_pipe_input(lines);
  std::vector<std::string> said;
  for (std::string text; read_message(*from, text) == came::line;) said.push_back(text);
  EXPECT_THAT(said, testing::ElementsAre("one\ntwo", "three", "last"));
}

TEST(ChatWords, AnAnswerThatEndedByItselfNeedsNone) {
  turn_statistics turn{.answer_tokens = 48};
  EXPECT_THAT(why_it_ended(turn), IsEmpty());
  EXPECT_THAT(what_was_dropped(turn), IsEmpty());
}

TEST(ChatWords, EveryOtherEndIsTold) {
  turn_statistics turn{.answer_tokens = 48, .dropped_tokens = 512};
  auto why = [&](stop_reason reason) {
    turn.stopped = reason;
    return why_it_ended(turn);
  };
  EXPECT_THAT(why(stop_reason::tokens_max), HasSubstr("cut after 48 tokens; --answer-tokens"));
  EXPECT_THAT(why(stop_reason::stop_string), HasSubstr("--stop"));
  EXPECT_THAT(why(stop_reason::context_full), HasSubstr("the window is full"));
  EXPECT_THAT(why(stop_reason::cancelled), HasSubstr("the server ended it"));
  EXPECT_THAT(what_was_dropped(turn), HasSubstr("oldest 512 tokens"));
}

TEST(ChatWords, WhatOthersWroteCannotMoveTheCursor) {
  EXPECT_EQ(harmless("a\033[2Jb\r\nc\td\x07"), "a[2Jb\nc\td");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "2J é\x7f"),
            "2J é");
}

}  // namespace
}  // namespace chromatin::chat
