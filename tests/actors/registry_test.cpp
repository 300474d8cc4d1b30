// The registry by itself: what a turn leaves behind, and what it does not.

#include <gmock/gmock.h>

#include "io/sqlite.hpp"
#include "tests/actors/desk.hpp"
#include "tests/actors/long_texts.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;
abandoned_turn abandoned(turn_id turn, bool computed = true) {
  return {.conversation = talk_ref, .turn = turn, .computed = computed};
}
std::vector<kv::chunk_key> keys_of(const std::vector<kv::link>& links) {
  std::vector<kv::chunk_key> keys;
  for (const auto& link : links) keys.push_back(link.key);
  return keys;
}

// -- a turn --

TEST(Registry, NothingIsStoredBeforeTheAnswerSettles) {
  desk d;
  d.append("talk", 1, user("hello"));
  EXPECT_FALSE(d.store->find({"tenant", "talk"}));
  EXPECT_EQ(d.settle("talk", 1, d.answered("hi there")).value->messages, 2u);
  auto said = d.ask<transcript>(atom::read_v, talk_ref, 0u, 10u);
  ASSERT_EQ(said->messages.size(), 2u);
  EXPECT_EQ(said->messages[0].content, "hello");
  EXPECT_EQ(said->messages[1].role, "assistant");
  EXPECT_EQ(said->messages[1].content, "hi there");
}

TEST(Registry, ATurnThatIsReleasedLeavesNoTrace) {
  desk d{256};
  d.talk("talk", many(4), taxi);
  auto before = d.stored("talk");
  auto first = d.append("talk", 1, user(many(4)));
  EXPECT_GT(first->dropped_tokens, 0u);
  caf::anon_send(d.registry, atom::release_v, abandoned(1));
  d.run();
  EXPECT_EQ(d.stored("talk").window, before.window);
  EXPECT_EQ(d.stored("talk").messages, before.messages);
  EXPECT_EQ(d.stored("talk").version, before.version);
  auto again = d.append("talk", 2, user(many(4)));
  EXPECT_EQ(again->window, first->window) << "the retry says it once";
}

TEST(Registry, AProcessThatIsKilledLeavesNoMessageThatNobodyAnswered) {
  desk d;
  d.talk("talk", "hello", "hi");
  d.append("talk", 1, user("are you there?"));
  d.append("fresh", 2, user("are you there?"));
  d.restart();
  EXPECT_EQ(d.stored("talk").messages, 2u);
  EXPECT_FALSE(d.store->find({"tenant", "fresh"}));
  EXPECT_EQ(d.append("talk", 3, user("are you there?")).error, "no answer") << "and it is not leased any more";
}

TEST(Registry, OneTurnAtATime) {
  desk d;
  d.append("talk", 1, user("hello"));
  EXPECT_THAT(d.append("talk", 2, user("me too")).error, HasSubstr("busy"));
  d.settle("talk", 1, d.answered("hi"));
  d.append("talk", 3, user("hello"));
  EXPECT_THAT(d.ask<conversation_info>(atom::truncate_v, talk_ref, 0u, 0.5).error, HasSubstr("busy"));
  EXPECT_THAT(d.ask<key_list>(atom::forget_v, talk_ref).error, HasSubstr("busy"));
  EXPECT_EQ(d.settle("talk", 3, d.answered("hi")).value->messages, 4u);
}

TEST(Registry, ATurnThatWasReleasedCannotSettle) {
  desk d;
  d.append("talk", 1, user("hello"));
  caf::anon_send(d.registry, atom::release_v, abandoned(1));
  d.append("talk", 2, user("hello"));
  EXPECT_THAT(d.settle("talk", 1, d.answered("hi")).error, HasSubstr("invalid_argument"));
  EXPECT_EQ(d.settle("talk", 2, d.answered("hi")).value->messages, 2u);
}

TEST(Registry, OpeningDuringTheFirstTurnDoesNotDisturbIt) {
  desk d;
  d.append("talk", 1, user("hello"));
  EXPECT_EQ(d.ask<conversation_info>(atom::open_v, talk_ref, std::string{"Be brief."})->messages, 0u);
  EXPECT_EQ(d.settle("talk", 1, d.answered("hi")).value->messages, 2u);
}

TEST(Registry, AConversationOfAnEarlierFormatThatEndsInAUserMessageGoesOn) {
  desk d;
  d.talk("talk", "hello", "hi");
  auto record = d.stored("talk");
  rendering render{d.checkpoint};
  const message_list before{{"user", "hello"}, {"assistant", "hi"}}, added{{"user", "are you there?"}};
  auto unanswered = render.go_on(before, added).messages.back();
  record.window.tokens.insert(record.window.tokens.end(), unanswered.begin(), unanswered.end());
  d.store->write({"tenant", "talk"}, 0,
                 {record.version, {{"user", "are you there?", unanswered}}, record.window, false, {}});
  EXPECT_EQ((*d.ask<conversation_list>(atom::list_v, std::string{"tenant"}, std::string{}, 10u))[0].last_role, "user");
  auto prepared = d.append("talk", 1, user("Please answer."));
  EXPECT_THAT(d.text_of(prepared->window.tokens),
              testing::AllOf(HasSubstr("are you there?"), HasSubstr("Please answer.")));
  EXPECT_EQ(d.settle("talk", 1, d.answered("yes")).value->messages, 5u);
}

// -- messages --

TEST(Registry, MessagesOfEveryRoleComeInOneAppend) {
  desk d;
  message_list said{{"system", "Be brief."}, {"user", "hello"}, {"assistant", "hi"}, {"user", "how much?"}};
  auto prepared = d.append("talk", 1, said);
  auto made = d.checkpoint->chat.go_on({}, said);  // as the template writes a whole conversation
  auto expected = made.head;
  for (std::size_t i = 1; i < said.size(); ++i)
    expected.insert(expected.end(), made.messages[i].begin(), made.messages[i].end());
  const auto& prompt = made.answer_prompt;
  expected.insert(expected.end(), prompt.begin(), prompt.end());
  EXPECT_EQ(prepared->window.tokens, expected);
  EXPECT_GT(prepared->window.keep, 0u) << "the system prompt stays";
  EXPECT_EQ(d.settle("talk", 1, d.answered("ten")).value->messages, 5u);
  EXPECT_EQ(d.stored("talk").window.tokens.size(), expected.size() + d.answered("ten").answer.size());
}

TEST(Registry, ASystemPromptMayStillComeToAConversationInWhichNothingWasSaid) {
  desk d;
  d.ask<conversation_info>(atom::open_v, talk_ref, std::string{});
  auto prepared = d.append("talk", 1, {{"system", "Be brief."}, {"user", "hello"}});
  EXPECT_THAT(d.text_of(prepared->window.tokens), HasSubstr("Be brief."));
  d.settle("talk", 1, d.answered("hi"));
  EXPECT_THAT(d.text_of(d.stored("talk").window.tokens), HasSubstr("Be brief."));
  EXPECT_EQ(d.stored("talk").messages, 3u);
}

TEST(Registry, MessagesInAWrongOrderAreRefusedAndNamed) {
  desk d;
  d.talk("old", "hello", "hi");
  EXPECT_THAT(d.append("old", 1, {{"system", "Be brief."}, {"user", "x"}}).error, HasSubstr("first message"));
  EXPECT_THAT(d.append("talk", 2, {{"user", "x"}, {"assistant", "y"}}).error, HasSubstr("must be a user's"));
  EXPECT_THAT(d.append("talk", 3, {}).error, HasSubstr("must be a user's"));
  EXPECT_THAT(d.append("talk", 4, {{"tool", "x"}, {"user", "y"}}).error, HasSubstr("system, user or assistant"));
  EXPECT_EQ(d.append("talk", 5, user("x")).error, "no answer") << "and nothing is leased";
}

TEST(Registry, AMatchFindsTheConversationThatSaysTheMost) {
  desk d;
  d.talk("talk", "hello", "hi");
  d.talk("talk", "how much?", "ten");
  message_list said{
      {"user", "hello"}, {"assistant", "hi"}, {"user", "how much?"}, {"assistant", "ten"}, {"user", "and two?"}};
  auto found = d.ask<matched_conversation>(atom::match_v, std::string{"tenant"}, std::string{}, said);
  EXPECT_EQ(found->id, "talk");
  EXPECT_EQ(found->shared, 4u);
  EXPECT_EQ(found->messages, 4u);
  EXPECT_EQ(d.ask<matched_conversation>(atom::match_v, std::string{"other"}, std::string{}, said)->id, "");
}

// -- stop strings --

TEST(Registry, AStopStringIsInNoWindow) {
  for (std::string stop : {" STOP", "OP"}) {  // one begins with a token, the other inside one
    desk d;
    auto prompt = d.append("talk", 1, user("hello"))->window.tokens;
    auto outcome = d.answered("Come in, then STOP and more");
    outcome.answer.pop_back();
    outcome.text = outcome.text.substr(0, outcome.text.find(stop));
    outcome.kept_answer_tokens = tokens_within(*d.checkpoint->tokenizer, outcome.answer, outcome.text);
    ASSERT_LT(outcome.kept_answer_tokens, outcome.answer.size());
    outcome.settled = static_cast<std::uint32_t>(prompt.size() + outcome.answer.size() - 1);
    outcome.statistics.stopped = stop_reason::stop_string;
    d.settle("talk", 1, outcome);
    auto record = d.stored("talk");
    auto& tokens = record.window.tokens;
    EXPECT_EQ(tokens.back(), d.checkpoint->chat.answer_end());
    EXPECT_EQ(d.text_of({tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()), tokens.end()}), outcome.text);
    EXPECT_LE(record.window.settled, prompt.size() + outcome.kept_answer_tokens);
    EXPECT_EQ(record.window.settled % kv::tokens_per_chunk, 0u) << "the saved tail has tokens that are gone";
    auto said = d.store->read({"tenant", "talk"}, 1, 1);
    EXPECT_EQ(said[0].content, outcome.text);
    EXPECT_EQ(d.text_of(*said[0].tokens), d.text_of(d.checkpoint->chat.answer_prompt()) + outcome.text);
  }
}

TEST(Registry, AnAnswerThatWasNotStoppedKeepsItsTail) {
  desk d;
  auto prompt = d.append("talk", 1, user("hello"))->window.tokens;
  auto outcome = d.answered("Come in");
  outcome.settled = static_cast<std::uint32_t>(prompt.size() + outcome.answer.size() - 1);
  d.settle("talk", 1, outcome);
  EXPECT_EQ(d.stored("talk").window.settled, outcome.settled);
}

// -- windows --

TEST(Registry, ProtectingEverythingDropsNothing) {
  desk d;
  d.ask<conversation_info>(atom::open_v, talk_ref, std::string{"You are a patient assistant of a small hotel."});
  d.talk("talk", many(8), taxi);
  auto before = d.stored("talk").window;
  for (std::uint32_t protect : {~0u, ~0u - 1, ~0u - 63, ~0u - 64, ~0u - 127})
    EXPECT_EQ(d.ask<conversation_info>(atom::truncate_v, talk_ref, protect, 0.5)->tokens, before.tokens.size());
  EXPECT_EQ(d.stored("talk").window, before);
}

TEST(Registry, ATruncationKeepsMessagesWhole) {
  desk d;
  d.talk("talk", many(8), taxi);
  auto said = d.store->read({"tenant", "talk"}, 0, 9);
  d.ask<conversation_info>(atom::truncate_v, talk_ref, 0u, 0.5);
  auto after = d.store->read({"tenant", "talk"}, 0, 9);
  ASSERT_EQ(after.size(), said.size());
  for (std::size_t i = 0; i < said.size(); ++i) EXPECT_EQ(after[i].tokens, said[i].tokens);
  EXPECT_EQ(d.stored("talk").window.cuts.size(), 1u);
}

TEST(Registry, AForkAtAMessageIsTheWindowOfThatTime) {
  desk d;
  d.talk("talk", taxi, "one");
  auto then = d.stored("talk").window;
  d.talk("talk", taxi, "two");
  d.talk("talk", taxi, "three");
  auto fork = d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"copy"}, 2u);
  EXPECT_EQ(fork->messages, 2u);
  auto window = d.stored("copy").window;
  EXPECT_EQ(window.tokens, then.tokens);
  EXPECT_EQ(window.settled, then.settled / kv::tokens_per_chunk * kv::tokens_per_chunk) << "its tail is gone";
  EXPECT_EQ(d.ask<transcript>(atom::read_v, conversation_ref{"tenant", "copy"}, 0u, 9u)->messages.back().content,
            "one");
  d.talk("copy", "And now?", "four");
  EXPECT_EQ(d.stored("talk").messages, 6u);
  EXPECT_EQ(d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"all"}, all_messages)->messages, 6u);
  EXPECT_EQ(d.stored("all").window, d.stored("talk").window);
}

TEST(Registry, AForkInFrontOfATruncationIsMadeOfItsMessages) {
  desk d;
  d.talk("talk", taxi, "one");
  auto then = d.stored("talk").window.tokens;
  d.talk("talk", many(8), "two");
  d.ask<conversation_info>(atom::truncate_v, talk_ref, 0u, 0.9);
  d.talk("talk", taxi, "three");
  auto after_truncation = d.stored("talk").window;
  ASSERT_EQ(after_truncation.cuts.size(), 1u);
  d.talk("talk", taxi, "four");
  d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"before"}, 2u);
  EXPECT_EQ(d.stored("before").window.tokens, then);
  d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"behind"}, 6u);
  EXPECT_EQ(d.stored("behind").window.tokens, after_truncation.tokens);
  EXPECT_EQ(d.stored("behind").window.kept, after_truncation.kept) << "its chunks are still found";
}

TEST(Registry, AnAnswerThatTruncatedItsWindowIsStoredAsItWas) {
  desk d;
  auto prepared = *d.append("talk", 1, user(many(8)));
  auto outcome = d.answered(taxi);
  auto window = prepared.window;
  window.tokens.insert(window.tokens.end(), outcome.answer.begin(), outcome.answer.end());
  window.settled = static_cast<std::uint32_t>(window.tokens.size()) - 1;
  ASSERT_GT(kv::truncate(window, 0, 0.5), 0u);
  outcome.window = window;
  outcome.settled = window.settled;
  d.settle("talk", 1, outcome);
  EXPECT_EQ(d.stored("talk").window, window);
  auto said = d.store->read({"tenant", "talk"}, 1, 1);
  EXPECT_EQ(said[0].tokens->size(), d.checkpoint->chat.answer_prompt().size() + outcome.answer.size());
}

// -- forgetting --

TEST(Registry, ForgettingNamesEveryChunkTheConversationEverHad) {
  desk d;
  d.talk("talk", many(8), "one");
  auto first = d.stored("talk").window;
  d.ask<conversation_info>(atom::truncate_v, talk_ref, 0u, 0.9);
  d.talk("talk", taxi, "two");
  auto last = d.stored("talk").window;
  ASSERT_EQ(last.cuts.size(), 1u);
  auto lost = d.append("talk", 1, user(many(8)))->window;
  caf::anon_send(d.registry, atom::release_v, abandoned(1));
  d.run();
  auto keys = *d.ask<key_list>(atom::forget_v, talk_ref);
  EXPECT_THAT(keys, testing::IsSupersetOf(keys_of(kv::chain(first, first.settled))));
  EXPECT_THAT(keys, testing::IsSupersetOf(keys_of(kv::chain(last, last.settled))));
  auto whole = static_cast<std::uint32_t>(lost.tokens.size()) / kv::tokens_per_chunk * kv::tokens_per_chunk;
  ASSERT_GT(whole, last.settled + 64);
  EXPECT_THAT(keys, testing::IsSupersetOf(keys_of(kv::chain(lost, whole)))) << "also of a turn that nobody answered";
  EXPECT_FALSE(d.store->find({"tenant", "talk"}));
}

TEST(Registry, ForgettingKeepsWhatAForkHas) {
  desk d;
  d.talk("talk", many(4), "one");
  d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"copy"}, all_messages);
  auto shared = d.stored("talk").window;
  d.talk("talk", taxi, "two");
  auto own = d.stored("talk").window;
  auto keys = *d.ask<key_list>(atom::forget_v, talk_ref);
  for (const auto& link : kv::chain(shared, shared.settled))
    EXPECT_THAT(keys, testing::Not(testing::Contains(link.key)));
  EXPECT_THAT(keys, testing::Contains(kv::chain(own, own.settled).back().key));
  EXPECT_THAT(*d.ask<key_list>(atom::forget_v, conversation_ref{"tenant", "copy"}),
              testing::IsSupersetOf(keys_of(kv::chain(shared, shared.settled))));
}

TEST(Registry, ForgettingNamesChunksOfAStoppedAnswerToo) {
  desk d;
  auto prompt = d.append("talk", 1, user(taxi))->window;
  auto outcome = d.answered(taxi + " STOP " + many(3));
  outcome.text = taxi;
  outcome.kept_answer_tokens = tokens_within(*d.checkpoint->tokenizer, outcome.answer, outcome.text);
  auto computed = prompt;
  computed.tokens.insert(computed.tokens.end(), outcome.answer.begin(), outcome.answer.end());
  outcome.settled = static_cast<std::uint32_t>(computed.tokens.size()) - 1;
  outcome.also_saved = {{7, 7}};
  d.settle("talk", 1, outcome);
  auto keys = *d.ask<key_list>(atom::forget_v, talk_ref);
  EXPECT_THAT(keys, testing::IsSupersetOf(keys_of(kv::chain(computed, outcome.settled))));
  EXPECT_THAT(keys, testing::Contains(kv::chunk_key{7, 7}));
}

TEST(Registry, ATenantHasRoomForSoManyConversations) {
  desk d{0, {.conversations_max = 3}};
  EXPECT_TRUE(d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "a"}, std::string{}).value);
  d.talk("b", "hello", "hi");
  EXPECT_TRUE(
      d.ask<conversation_info>(atom::fork_v, conversation_ref{"tenant", "b"}, std::string{"c"}, all_messages).value);
  auto refused = testing::AllOf(HasSubstr("no_room"), HasSubstr("3 conversations"), HasSubstr("retry_after_ms="));
  EXPECT_THAT(d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "d"}, std::string{}).error, refused);
  EXPECT_THAT(d.append("d", 77, user("hello")).error, refused);
  EXPECT_THAT(
      d.ask<conversation_info>(atom::fork_v, conversation_ref{"tenant", "b"}, std::string{"d"}, all_messages).error,
      refused);
  d.talk("a", "what is there", "goes on");
  EXPECT_TRUE(d.ask<conversation_info>(atom::open_v, conversation_ref{"tenant", "b"}, std::string{}).value);
  EXPECT_TRUE(d.ask<conversation_info>(atom::open_v, conversation_ref{"other", "d"}, std::string{}).value);
  d.ask<key_list>(atom::forget_v, conversation_ref{"tenant", "c"});
  d.talk("d", "hello", "hi");
}

// -- faults --

TEST(Registry, WhateverTheStoreThrowsBecomesAnAnswer) {
  desk d;
  d.talk("talk", "hello", "hi");
  io::database{d.folder / "registry.sqlite"}.execute("ALTER TABLE conversations RENAME TO gone");
  auto counted = d.ask<counters>(atom::stats_v);
  EXPECT_TRUE(counted.value) << "counters that cannot be read do not kill the registry";
  EXPECT_THAT(d.ask<conversation_info>(atom::open_v, talk_ref, std::string{}).error, HasSubstr("store_failed"));
  EXPECT_THAT(d.append("talk", 1, user("x")).error, HasSubstr("store_failed"));
  EXPECT_THAT(d.ask<conversation_list>(atom::list_v, std::string{"tenant"}, std::string{}, 9u).error,
              HasSubstr("store_failed"));
  EXPECT_THAT(d.ask<key_list>(atom::forget_v, talk_ref).error, HasSubstr("store_failed"));
  io::database{d.folder / "registry.sqlite"}.execute("ALTER TABLE gone RENAME TO conversations");
  EXPECT_EQ(d.append("talk", 2, user("x")).error, "no answer") << "and nothing stays leased";
}

TEST(Registry, AnAnswerThatCannotBeStoredIsAnErrorAndTheConversationGoesOn) {
  desk d;
  d.talk("talk", "hello", "hi");
  d.append("talk", 1, user("x"));
  {
    io::database other{d.folder / "registry.sqlite"};
    other.execute("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  }
  EXPECT_THAT(d.settle("talk", 1, d.answered("y")).error,
              testing::AllOf(HasSubstr("store_failed"), HasSubstr("disk full")));
  io::database{d.folder / "registry.sqlite"}.execute("DROP TRIGGER full");
  EXPECT_EQ(d.stored("talk").messages, 2u);
  d.talk("talk", "x", "y");
  EXPECT_EQ(d.stored("talk").messages, 4u);
}

TEST(Registry, ADamagedConversationSaysSoAndOthersGoOn) {
  desk d;
  d.talk("talk", "hello", "hi");
  d.talk("sound", "hello", "hi");
  io::database{d.folder / "registry.sqlite"}.execute(
      "UPDATE tokens SET tokens = zeroblob(length(tokens)) WHERE id = 'talk'");
  EXPECT_THAT(d.append("talk", 1, user("x")).error, testing::AllOf(HasSubstr("store_failed"), HasSubstr("damaged")));
  d.talk("sound", "x", "y");
  EXPECT_EQ(d.ask<key_list>(atom::forget_v, talk_ref).error, "no answer");
  d.talk("talk", "hello", "hi");
}

}  // namespace
}  // namespace chromatin::test
