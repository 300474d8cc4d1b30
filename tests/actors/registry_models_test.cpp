// A conversation that begins with one model and goes on with another.

#include <gmock/gmock.h>

#include "tests/actors/desk.hpp"
#include "tests/actors/long_texts.hpp"
#include "tests/support/tiny_model.hpp"

namespace chromatin::test {
namespace {

using testing::HasSubstr;

constexpr kv::fingerprint first_cache{1, 2}, second_cache{3, 4};

std::shared_ptr<const model::checkpoint> concierge() {
  static const auto model = model::checkpoint::open(std::string{CHROMATIN_SOURCE_DIR} + "/assets/concierge");
  return model;
}
/// Other tokens, another template, a larger vocabulary than its tokenizer's.
std::shared_ptr<const model::checkpoint> other(std::uint32_t context = 0) {
  return model::checkpoint::open(tiny_model(), context);
}

/// The tokens of a conversation that waits for an answer.
std::vector<kv::token_id> written(const model::checkpoint& with, const message_list& said) {
  auto made = with.chat.go_on({}, said);
  auto all = made.head;
  made.messages.push_back(made.answer_prompt);
  for (const auto& part : made.messages) all.insert(all.end(), part.begin(), part.end());
  return all;
}
/// A message and its answer were said with one model, and another is served now. The window before that.
kv::lineage changed_model(desk& d, std::shared_ptr<const model::checkpoint> to = other()) {
  d.serve(concierge(), first_cache);
  d.talk("talk", "hello", "hi there");
  auto before = d.stored("talk").window;
  d.serve(std::move(to), second_cache);
  return before;
}
std::int64_t counter(desk& d, const std::string& name) {
  auto all = d.ask<counters>(atom::stats_v);
  for (const auto& [key, value] : all->values)
    if (key == name) return value;
  return -1;
}

TEST(RegistryModels, AnotherModelGoesOnWithWhatWasSaidInItsOwnTokens) {
  desk d;
  changed_model(d);
  EXPECT_EQ(d.ask<transcript>(atom::read_v, talk_ref, 0u, 10u)->messages.at(1).content, "hi there");
  auto prepared = d.talk("talk", "and now?", "still here");
  message_list said{{"user", "hello"}, {"assistant", "hi there"}, {"user", "and now?"}};
  EXPECT_EQ(prepared.window.tokens, written(*other(), said));
  EXPECT_EQ(prepared.window.settled, 0u) << "nothing of it is computed";
  auto stored = d.stored("talk");
  EXPECT_EQ(stored.messages, 4u);
  EXPECT_EQ(stored.window.root, kv::root_key(second_cache, d.store->tenant_salt("tenant")));
  EXPECT_EQ(counter(d, "models_changed"), 1);
  auto window = stored.window;
  d.talk("talk", "good", "yes");
  EXPECT_EQ(counter(d, "models_changed"), 1) << "it is this model's now";
  EXPECT_TRUE(std::equal(window.tokens.begin(), window.tokens.end(), d.stored("talk").window.tokens.begin()));
}

TEST(RegistryModels, AConversationCanGoBackToItsFirstModel) {
  desk d;
  auto before = changed_model(d);
  d.talk("talk", "and now?", "still here");
  d.serve(concierge(), first_cache);
  auto prepared = d.talk("talk", "back again", "welcome");
  message_list said{{"user", "hello"},
                    {"assistant", "hi there"},
                    {"user", "and now?"},
                    {"assistant", "still here"},
                    {"user", "back again"}};
  EXPECT_EQ(prepared.window.tokens, written(*concierge(), said));
  EXPECT_EQ(prepared.window.root, before.root);
  EXPECT_TRUE(std::equal(before.tokens.begin(), before.tokens.end(), prepared.window.tokens.begin()))
      << "the same tokens have the same keys: what is left of its cache is found";
}

TEST(RegistryModels, AfterAChangeMessagesAreTakenBackInTheNewTokens) {
  desk d;
  changed_model(d);
  d.talk("talk", "and now?", "still here");
  for (std::uint32_t messages : {2u, 4u}) {
    auto name = "copy" + std::to_string(messages);
    EXPECT_EQ(d.ask<conversation_info>(atom::fork_v, talk_ref, name, messages).error, "no answer");
    auto prepared = d.append(name, 50 + messages, user("more"));
    EXPECT_THAT(d.text_of(prepared->window.tokens), testing::AllOf(HasSubstr("hi there"), HasSubstr("more")));
    EXPECT_EQ(d.text_of(prepared->window.tokens).find("still here") == std::string::npos, messages == 2);
  }
}

TEST(RegistryModels, TheSameModelComputedOtherwiseKeepsEveryToken) {
  desk d;
  auto before = changed_model(d, concierge());
  auto prepared = d.append("talk", 1, user("and now?"));
  EXPECT_TRUE(std::equal(before.tokens.begin(), before.tokens.end(), prepared->window.tokens.begin()));
  EXPECT_NE(prepared->window.root, before.root);
  EXPECT_EQ(prepared->window.settled, 0u);
  d.settle("talk", 1, d.answered("yes"));
  EXPECT_EQ(d.stored("talk").window.root, prepared->window.root);
}

TEST(RegistryModels, ATurnThatIsReleasedLeavesTheConversationToItsModel) {
  desk d;
  auto before = changed_model(d);
  d.append("talk", 1, user("and now?"));
  caf::anon_send(d.registry, atom::release_v, abandoned_turn{.conversation = talk_ref, .turn = 1, .computed = true});
  d.run();
  EXPECT_EQ(d.stored("talk").window, before);
}

TEST(RegistryModels, AModelThatNobodyKnowsLooksLikeAnotherSalt) {
  desk d;
  d.talk("talk", "hello", "hi there");  // it was not noted
  d.serve(other(), second_cache);
  EXPECT_THAT(d.append("talk", 1, user("and now?")).error, HasSubstr("cache_salt"));
  d.store->note_model({first_cache, {}, "concierge, f32"});  // as an earlier program's catalogue tells
  EXPECT_TRUE(d.append("talk", 2, user("and now?")).value);
  conversation_ref salted{"tenant", "talk", "of a client"};
  EXPECT_THAT(d.ask<prepared_turn>(atom::append_v, salted, turn_id{3}, user("and now?")).error, HasSubstr("busy"));
}

TEST(RegistryModels, AConversationUnderAnotherSaltIsNotTakenOver) {
  desk d;
  changed_model(d);
  conversation_ref salted{"tenant", "talk", "of a client"};
  EXPECT_THAT(d.ask<prepared_turn>(atom::append_v, salted, turn_id{3}, user("and now?")).error,
              HasSubstr("cache_salt"));
}

TEST(RegistryModels, ALongConversationIsTruncatedToAShorterContext) {
  desk d;
  d.serve(concierge(), first_cache);
  for (int i = 0; i < 3; ++i) d.talk("talk", many(4), taxi);
  d.serve(other(256), second_cache);
  auto prepared = d.append("talk", 1, user("and now?"));
  EXPECT_GT(prepared->dropped_tokens, 0u);
  EXPECT_LT(prepared->window.tokens.size(), 256u);
  EXPECT_THAT(d.text_of(prepared->window.tokens), HasSubstr("and now?"));
  EXPECT_EQ(d.settle("talk", 1, d.answered("yes")).error, "no answer");
  EXPECT_EQ(d.ask<transcript>(atom::read_v, talk_ref, 0u, 10u)->total, 8u) << "what was said stays";
}

TEST(RegistryModels, AnotherModelsConversationIsForkedAndTruncatedByTokens) {
  desk d{256};
  d.serve(d.checkpoint, first_cache);
  d.talk("talk", "hello", "hi there");
  auto window = d.stored("talk").window;
  d.talk("talk", "and now?", "still here");
  for (int i = 0; i < 4; ++i) d.talk("long", many(4), taxi);
  d.serve(other(), second_cache);
  EXPECT_EQ(d.ask<conversation_info>(atom::fork_v, talk_ref, std::string{"copy"}, 2u).error, "no answer");
  EXPECT_EQ(d.stored("copy").window.tokens, window.tokens);
  conversation_ref cut{"tenant", "long"};
  EXPECT_THAT(d.ask<conversation_info>(atom::fork_v, cut, std::string{"copy-2"}, 2u).error,
              testing::AllOf(HasSubstr("concierge"), HasSubstr("serve that one")));
  EXPECT_EQ(d.ask<conversation_info>(atom::fork_v, cut, std::string{"copy-3"}, all_messages).error, "no answer");
  EXPECT_EQ(d.ask<conversation_info>(atom::truncate_v, cut, 0u, 0.5).error, "no answer");
}

TEST(RegistryModels, AForgottenConversationLeavesOtherModelsCachesToo) {
  std::vector<key_list> erased;
  registry_limits limits;
  limits.erase_elsewhere = [&](const key_list& keys) { erased.push_back(keys); };
  desk d{0, limits};
  d.serve(concierge(), first_cache);
  d.talk("talk", many(4), "hi there");
  auto window = d.stored("talk").window;
  d.serve(other(), second_cache);
  d.talk("talk", "and now?", "still here");
  d.ask<key_list>(atom::forget_v, talk_ref);
  ASSERT_EQ(erased.size(), 1u);
  EXPECT_THAT(erased[0], testing::Contains(kv::chain(window, window.settled).at(0).key));
}

TEST(RegistryModels, ATokenThatOnlyAnotherModelHasIsDamage) {
  desk d;
  d.serve(concierge(), first_cache);
  d.talk("talk", "hello", "hi there");
  d.store->note_model({second_cache, {}, "larger", concierge()->config.vocabulary + 1});
  auto record = d.stored("talk");
  record.window.tokens.back() = concierge()->config.vocabulary;
  d.store->write({"tenant", "talk"}, 0, {record.version, {}, record.window, true, {}});
  EXPECT_THAT(d.append("talk", 1, user("and now?")).error, HasSubstr("damaged"));
}

}  // namespace
}  // namespace chromatin::test
