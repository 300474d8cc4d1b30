// chromatin chat in a terminal and through a pipe: the real binary against a real server.

#include <gmock/gmock.h>

#include "apps/chat/conversation_list.hpp"
#include "tests/support/pty_process.hpp"
#include "tests/support/shell.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/system/server_process.hpp"

namespace chromatin::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string paste_begins = "\033[200~", paste_ends = "\033[201~";

class ChatTerminal : public testing::Test {
 protected:
  std::vector<std::string> chat(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words{"chat", "--server", server_.address(), "--answer-tokens", "8"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  std::vector<std::string> names() const {
    rpc::client client{server_.address()};
    std::vector<std::string> all;
    for (const auto& info : client.list()) all.push_back(info.id);
    return all;
  }
  /// What users said in a conversation.
  std::vector<std::string> said_by_user(const std::string& id) const {
    rpc::client client{server_.address()};
    auto conversation = client.find(id);
    std::vector<std::string> all;
    for (const auto& m : chromatin::chat::said_in(conversation))
      if (m.role == "user") all.push_back(m.content);
    return all;
  }
  /// The one that is not `known`.
  std::string other_than(const std::vector<std::string>& known) const {
    for (const auto& name : names())
      if (std::find(known.begin(), known.end(), name) == known.end()) return name;
    return "no other";
  }

  /// It has answered, and edits the next line: what is typed before that is not edited.
  static bool answers(pty_process& chat) { return chat.sees("first token") && chat.edits(); }

  temporary_folder folder_;
  server_process server_{folder_.path()};
};

TEST_F(ChatTerminal, LinesAreEditedPastedAndContinued) {
  pty_process chat{this->chat({"--id", "t"})};
  ASSERT_TRUE(chat.edits());
  chat.type("helo\x02l\r");  // ^B: a place to the left
  ASSERT_TRUE(answers(chat)) << chat.shown();
  chat.type(paste_begins + "first line\r\nsecond\rthird é" + paste_ends + " and more\r");
  ASSERT_TRUE(answers(chat)) << chat.shown();
  chat.type("one\\\r");
  ASSERT_TRUE(chat.sees("… ")) << chat.shown();
  chat.type("two\r");
  ASSERT_TRUE(answers(chat)) << chat.shown();
  chat.type("\033[A!\r");  // the one before, and more
  ASSERT_TRUE(answers(chat)) << chat.shown();
  chat.type("/quit\r");
  EXPECT_EQ(chat.wait_for_end(), 0) << chat.shown();
  EXPECT_THAT(said_by_user("t"), ElementsAre("hello", "first line\nsecond\nthird é and more", "one\ntwo", "one\ntwo!"));
  EXPECT_THAT(chat.shown(), testing::EndsWith("\033[?2004l")) << "the terminal is as it was";
}

TEST_F(ChatTerminal, APathIsSaidAndAMistypedCommandIsNamed) {
  pty_process chat{this->chat({"--id", "t"})};
  ASSERT_TRUE(chat.edits());
  chat.type("/usr/bin/python3 crashes\r");
  ASSERT_TRUE(answers(chat)) << chat.shown();
  chat.type("/shwo\r");
  EXPECT_TRUE(chat.sees("/shwo is no command, did you mean /show?")) << chat.shown();
  chat.type("/list\r");
  EXPECT_TRUE(chat.sees("2 messages")) << chat.shown();
  EXPECT_THAT(said_by_user("t"), ElementsAre("/usr/bin/python3 crashes"));
}

TEST_F(ChatTerminal, WhatWasSaidIsShownWhenItIsOpenedAgain) {
  {
    pty_process chat{this->chat({"--id", "t"})};
    chat.type("Where were we?\r");
    ASSERT_TRUE(chat.sees("the answer was cut after 8 tokens")) << chat.shown();
    ASSERT_TRUE(answers(chat)) << chat.shown();
    chat.type("\x04");
    EXPECT_EQ(chat.wait_for_end(), 0);
  }
  pty_process again{this->chat({"--id", "t"})};
  EXPECT_TRUE(again.sees("1 user: Where were we?")) << again.shown();
  EXPECT_TRUE(again.sees("2 assistant: ")) << again.shown();
  pty_process other{this->chat({"--id", "u"})};
  other.type("/open t\r");
  EXPECT_TRUE(other.sees("1 user: Where were we?")) << other.shown();
  other.type("/open nobody\r");
  EXPECT_TRUE(other.sees("no_conversation")) << other.shown();
}

TEST_F(ChatTerminal, AnEditedMessageForksTheConversationThere) {
  pty_process chat{this->chat({"--id", "t"})};
  for (const auto* text : {"one\r", "two\r"}) {
    chat.type(text);
    ASSERT_TRUE(answers(chat)) << chat.shown();
  }
  chat.type("/edit 2 no\r");
  EXPECT_TRUE(chat.sees("that message is the assistant's")) << chat.shown();
  chat.type("/edit 3 three\r");
  EXPECT_TRUE(chat.sees("goes on from the first 2 messages of t, which stays as it was")) << chat.shown();
  ASSERT_TRUE(answers(chat)) << chat.shown();
  EXPECT_THAT(said_by_user("t"), ElementsAre("one", "two"));
  auto fork = other_than({"t"});
  EXPECT_THAT(said_by_user(fork), ElementsAre("one", "three"));
  chat.type("/edit 1\r");
  ASSERT_TRUE(chat.sees("> one")) << "the old words stand there: " << chat.shown();
  chat.type("!\r");
  ASSERT_TRUE(answers(chat)) << chat.shown();
  EXPECT_THAT(said_by_user(other_than({"t", fork})), ElementsAre("one!"));
}

TEST_F(ChatTerminal, AnotherAnswerIsMadeInAForkWithAnotherSeed) {
  pty_process chat{this->chat({"--id", "t", "--temperature", "1.5", "--seed", "7"})};
  chat.type("one\r");
  ASSERT_TRUE(chat.sees("· seed 7") && chat.edits()) << chat.shown();
  chat.type("/regenerate\r");
  EXPECT_TRUE(chat.sees("goes on from the first 0 messages of t")) << chat.shown();
  ASSERT_TRUE(chat.sees("· seed ") && chat.edits()) << chat.shown();
  EXPECT_THAT(said_by_user(other_than({"t"})), ElementsAre("one"));
  chat.type("/regenerate 42\r");
  EXPECT_TRUE(chat.sees("· seed 42")) << chat.shown();
  EXPECT_EQ(names().size(), 3u);
}

TEST_F(ChatTerminal, ControlCEndsTheAnswerAndTwiceTheProgram) {
  pty_process chat{this->chat({"--id", "t"})};
  ASSERT_TRUE(chat.edits());
  server_.signal(SIGSTOP);  // no answer can come before ^C
  chat.type("Tell me all.\r");
  ASSERT_TRUE(chat.edits_no_more());
  chat.type("\x03");
  server_.signal(SIGCONT);
  ASSERT_TRUE(chat.sees("cancelled") && chat.edits()) << chat.shown();
  chat.type("And now?\r");
  ASSERT_TRUE(answers(chat)) << "the conversation is free again: " << chat.shown();
  chat.type("not sent\x03");
  ASSERT_TRUE(chat.sees("^C once more leaves")) << chat.shown();
  chat.type("\x03");
  EXPECT_EQ(chat.wait_for_end(), 0) << chat.shown();
  EXPECT_THAT(said_by_user("t"), testing::Contains("And now?"));
  EXPECT_THAT(said_by_user("t"), testing::Not(testing::Contains("not sent")));
}

TEST_F(ChatTerminal, WhatIsTypedDuringAnAnswerCountsBehindIt) {
  for (bool leaves : {false, true}) {
    pty_process chat{this->chat({"--id", leaves ? "left" : "went-on"})};
    ASSERT_TRUE(chat.edits());
    server_.signal(SIGSTOP);  // no answer can come before what is typed
    chat.type("Tell me all.\r");
    ASSERT_TRUE(chat.edits_no_more());
    chat.type(leaves ? "\x04" : "And now?\r");
    server_.signal(SIGCONT);
    ASSERT_TRUE(chat.sees("first token")) << chat.shown();
    if (!leaves) chat.type("\x04");
    EXPECT_EQ(chat.wait_for_end(), 0) << chat.shown();
  }
  EXPECT_THAT(said_by_user("left"), ElementsAre("Tell me all."));
  EXPECT_THAT(said_by_user("went-on"), ElementsAre("Tell me all.", "And now?"));
}

TEST_F(ChatTerminal, WhoSaysNothingLeavesNothing) {
  auto command = std::string{CHROMATIN_BINARY} + " chat --answer-tokens 8 --server " + server_.address();
  for (const auto& typed : {"", "/info\n/new\n/new\n/fork\n/forget\n", "/unknwon\n"})
    shell("printf '" + std::string{typed} + "' | " + command + " --system 'Be brief.' >/dev/null 2>&1");
  shell("echo hi | " + command + " --temperature -1 >/dev/null 2>&1");  // which is refused
  EXPECT_THAT(names(), testing::IsEmpty());
  shell("printf '/new named\nhi\n' | " + command + " >/dev/null 2>&1");
  shell("true | " + command + " --id asked-for >/dev/null 2>&1");
  EXPECT_THAT(names(), testing::UnorderedElementsAre("named", "asked-for"));
}

TEST_F(ChatTerminal, ThroughAPipeAnswersAreAllThatComesOut) {
  auto command = std::string{CHROMATIN_BINARY} + " chat --id t --answer-tokens 8 --server " + server_.address();
  auto [status, out] = shell("printf 'one\\\\\\r\\ntwo\\r\\n/etc/hosts is gone\\r\\n' | " + command + " 2>/dev/null");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2) << out;
  EXPECT_THAT(said_by_user("t"), ElementsAre("one\ntwo", "/etc/hosts is gone"));
  auto [failed, why] = shell("echo /unknwon | " + command + " 2>&1 >/dev/null");
  EXPECT_EQ(failed, 1);
  EXPECT_THAT(why, HasSubstr("chromatin: /unknwon is no command"));
}

}  // namespace
}  // namespace chromatin::test
