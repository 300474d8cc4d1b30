// The checks of the soak: each lets pass what is right, and fails for what it is there for.

#include "apps/soak/checks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/soak/ground.hpp"

namespace chromatin::soak {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const message_list said{{"user", "hello"}, {"assistant", "hi"}, {"user", "and?"}, {"assistant", "well"}};

message_list with(message_list all, const model::message& more) {
  all.push_back(more);
  return all;
}

TEST(SoakChecks, AnAnswerThatDiffersInOneTokenIsTold) {
  EXPECT_THAT(check_answer("c", "two for dinner", "two for dinner"), IsEmpty());
  EXPECT_THAT(check_answer("c", "two for dinner", "two for lunch"), HasSubstr("from byte 8"));
  EXPECT_THAT(check_answer("c", "two for dinner", "two for"), HasSubstr("from byte 7"));
  EXPECT_THAT(check_answer("c", "", "two"), HasSubstr("from byte 0"));
}

TEST(SoakChecks, ALostAChangedAndAnUnknownMessageAreTold) {
  EXPECT_THAT(check_transcript("c", said, said), IsEmpty());
  EXPECT_THAT(check_transcript("c", {}, {}), IsEmpty());
  auto shorter = said;
  shorter.pop_back();
  EXPECT_THAT(check_transcript("c", said, shorter), HasSubstr("message 3 of 4 that were acknowledged is lost"));
  EXPECT_THAT(check_transcript("c", said, {}), HasSubstr("message 0 of 4"));
  auto other = said;
  other[1].content = "ho";
  EXPECT_THAT(check_transcript("c", said, other), HasSubstr("message 1 of 4 that were acknowledged is another"));
  other = said;
  other[2].role = "assistant";
  EXPECT_THAT(check_transcript("c", said, other), HasSubstr("message 2"));
  EXPECT_THAT(check_transcript("c", shorter, said), HasSubstr("1 messages that nobody was told of"));
}

TEST(SoakChecks, ATurnWhoseAnswerNeverCameIsStoredAsAWholeOrNotAtAll) {
  EXPECT_EQ(fate_of(said, "more?", said), fate::without_trace);
  auto question = with(said, {"user", "more?"});
  EXPECT_EQ(fate_of(said, "more?", with(question, {"assistant", "no"})), fate::stored);
  EXPECT_EQ(fate_of(said, "more?", question), fate::wrong) << "half a turn";
  EXPECT_EQ(fate_of(said, "other", with(question, {"assistant", "no"})), fate::wrong);
  EXPECT_EQ(fate_of(said, "more?", with(question, {"user", "no"})), fate::wrong);
  EXPECT_EQ(fate_of(said, "more?", {}), fate::wrong);
}

TEST(SoakChecks, AHitOnAnotherTenantsTextIsTold) {
  EXPECT_THAT(check_stranger({.prompt_tokens = 90, .computed_tokens = 90, .hits = {{"device", 0}}}), IsEmpty());
  EXPECT_THAT(check_stranger({.prompt_tokens = 90, .computed_tokens = 26, .hits = {{"device", 0}, {"disk", 64}}}),
              HasSubstr("64 tokens of another tenant's in the disk tier"));
}

TEST(SoakChecks, AnotherTenantsConversationInAListIsTold) {
  conversation_list all{{.id = "a"}, {.id = "b"}};
  EXPECT_THAT(check_names({"a", "b", "c"}, all), IsEmpty());
  EXPECT_THAT(check_names({"a", "c"}, all), HasSubstr("sees the conversation b"));
}

TEST(SoakChecks, MemoryBeyondTheArenasIsTold) {
  EXPECT_THAT(check_memory(300u << 20, 64u << 20), IsEmpty());
  EXPECT_THAT(check_memory(8ull << 30, 64u << 20), HasSubstr("8192 MiB"));  // also where a sanitizer needs memory
}

TEST(SoakChecks, ACallThatIsNotAnsweredIsTold) {
  EXPECT_THAT(check_waiting(std::chrono::seconds{30}), IsEmpty());
  EXPECT_THAT(check_waiting(std::chrono::seconds{400}), HasSubstr("400 s"));
  ground g;
  EXPECT_EQ(g.longest_wait().count(), 0);
  g.call_begins(1);
  g.call_begins(2);
  g.call_ends(1);
  while (g.longest_wait().count() == 0) {  // the other is waited for
  }
  g.call_ends(2);
  EXPECT_EQ(g.longest_wait().count(), 0);
}

TEST(SoakChecks, WhatIsHeldAtRestIsTold) {
  std::vector<counters> parts{{"scheduler", {{"turns_waiting", 0}, {"turns_done", 70}}},
                              {"device-tier", {{"turns_with_pages", 0}, {"loads_under_way", 0}}}};
  EXPECT_THAT(check_rest(parts), IsEmpty());
  parts[1].values[0].second = 2;
  EXPECT_EQ(check_rest(parts), "at rest there are 2 turns_with_pages of the device-tier");
  for (auto name : {"turns_waiting", "turns_running", "loads_under_way", "saves_waiting", "saves_under_way",
                    "chunks_under_way", "turns_leased"})
    EXPECT_THAT(check_rest({{"part", {{name, 1}}}}), HasSubstr(name));
}

TEST(SoakChecks, AFileThatDoesNotBelongThereIsTold) {
  EXPECT_THAT(check_files({"lock", "segment-0000.kv", "registry.sqlite", "registry.sqlite-wal", "catalog.sqlite",
                           "cuda-algorithms"}),
              IsEmpty());
  EXPECT_THAT(check_files({"segment-0000.kv.tmp"}), HasSubstr("does not belong"));
  EXPECT_THAT(check_files({"catalog.sqlite.damaged"}), HasSubstr("damaged"));
}

TEST(SoakGround, ATextIsTakenOnceByEachOtherTenant) {
  ground g;
  g.post("a", "text");
  EXPECT_EQ(g.take("a"), "");
  EXPECT_EQ(g.take("b"), "text");
  EXPECT_EQ(g.take("b"), "");
  EXPECT_EQ(g.take("c"), "text");
}

}  // namespace
}  // namespace chromatin::soak
